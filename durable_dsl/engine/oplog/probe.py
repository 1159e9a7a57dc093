"""The places where a crash makes a difference: the engine tells a listener, where there is one, that it gets there.

Only tests listen (`durable_dsl.testing`). Where nobody does, a place costs one comparison. What a listener raises
leaves like any failure of the host: nothing more is written, and what was in memory only is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.entries import Entry, FunctionType

#: Inside a host call that is performed: before its effect, after it and before its record, before the guest's answer.
Place: TypeAlias = Literal["before", "effect", "answer"]


class Probe(Protocol):
    """Who listens. Calls come from the threads that run workers; `worker` is a worker's number in the database."""

    def called(self, place: Place, host: Any, name: str, function_type: FunctionType) -> None:
        """A host call that is performed, recorded or not, has come to `place`; `host` is the `Host` of its instance."""
        ...

    def added(self, worker: int, index: int, entry: Entry) -> None:
        """An entry was added to the buffer; it is not on disk."""
        ...

    def committed(self, worker: int, index: int) -> None:
        """Everything up to `index` is on disk."""
        ...
