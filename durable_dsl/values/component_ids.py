"""A component's UUID, derived from its name: the same everywhere but on Golem, which gives each upload a UUID."""

from __future__ import annotations

import uuid
from typing import Final

__all__ = ["component_id_of"]

_NAMESPACE: Final = uuid.UUID("9b1c2c86-7a4d-5a0e-8f0b-3c1d8a4f6e10")


def component_id_of(name: str) -> str:
    """The UUID of the component that is called `name`; a UUID stays what it is."""
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return str(uuid.uuid5(_NAMESPACE, name))
