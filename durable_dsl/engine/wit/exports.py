"""What a component exports and imports, by name and type."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.wit.types import FunctionType, Own, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Import:
    """An imported interface. `id` is as the component has it, `name` leaves the version out."""

    id: str
    name: str
    version: str
    functions: tuple[str, ...]
    resources: dict[str, Resource]
    #: The type of one of `functions`, read when asked for.
    type_of: Callable[[str], FunctionType]


@dataclass(frozen=True, slots=True)
class Export:
    """An exported function; `[drop]cart` stands for dropping a resource, which WIT has no function for."""

    name: str
    interface: str
    function: str
    type: FunctionType
    #: What callers may leave out at the end, by name and as JSON.
    defaults: Mapping[str, Any] = field(default_factory=dict, compare=False, kw_only=True)

    @property
    def signature(self) -> str:
        return self.type.signature(self.function)

    @property
    def dropped(self) -> Resource | None:
        """The resource that this export drops, or None."""
        if self.function.startswith("[drop]") and isinstance(kind := self.type.params[0][1], Own):
            return kind.resource
        return None
