"""What a promise is known by: the component and the worker that made it, and a number of that worker's.

The number is the oplog index at which it was made; where earlier workers had that name, it is counted on from theirs.

As text it is `COMPONENT-UUID/WORKER/NUMBER`, which can be printed, stored and sent: to whoever completes the promise,
a worker, `durable-dsl worker complete-promise` or `Engine.complete_promise`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

__all__ = ["WAKES", "PromiseId"]

#: The environment variable by which a host says that it ends the sleep of a guest that has looked at a promise, and
#: found it pending, when the promise is completed. Then one sleep is enough, however long it is.
WAKES = "DURABLE_DSL_PROMISES_WAKE"
_UUID_LENGTH = 36


@dataclass(frozen=True, slots=True)
class PromiseId:
    """A promise's identity; `str()` gives its text."""

    component: uuid.UUID
    worker: str
    index: int

    def __str__(self) -> str:
        return f"{self.component}/{self.worker}/{self.index}"

    @classmethod
    def parse(cls, text: str) -> PromiseId | None:
        """The identity that `text` is; None if it is none. A worker's name may contain slashes."""
        component, rest = text[:_UUID_LENGTH], text[_UUID_LENGTH:]
        worker, slash, index = rest[1:].rpartition("/")
        if not (rest.startswith("/") and slash and worker and index.isascii() and index.isdigit()):
            return None
        try:
            return cls(uuid.UUID(component), worker, int(index))
        except ValueError:
            return None
