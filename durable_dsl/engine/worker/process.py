"""What a worker needs to know of the process that runs it; `api.Engine`, which stands above, is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from durable_dsl.engine.replay import surroundings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from durable_dsl.engine.replay.suspension import Places
    from durable_dsl.engine.worker.handle import Worker
    from durable_dsl.engine.worker.idle import Idle


class Scheduled(Protocol):
    """The calls that are to come."""

    def coming(self, worker: int) -> Sequence[Any]:
        """Those of a worker, each with function, key and time."""
        ...

    def fill_queue(self, worker: int) -> None:
        """Put what is due into a worker's queue."""
        ...

    def look(self) -> None:
        """Have what is due run."""
        ...


class Process(surroundings.Process, Protocol):
    """One that runs workers of a data directory, with what they share there."""

    @property
    def closed(self) -> bool: ...
    @property
    def idle(self) -> Idle: ...
    @property
    def keep_idle(self) -> float: ...
    @property
    def leases(self) -> Path: ...
    @property
    def places(self) -> Places: ...
    @property
    def schedule(self) -> Scheduled: ...
    @property
    def secrets(self) -> dict[str, str]: ...
    def reach(self, name: str) -> Worker:
        """The worker of that name, as it is. Raises UsageError where there is none."""
        ...

    def opened_workers(self) -> list[Worker]:
        """Those that this process has had to do with."""
        ...

    def new_key(self) -> str:
        """A key for an invocation whose caller gave none."""
        ...

    def notify(self, text: str) -> None:
        """Say what goes on, to whoever has asked to be told."""
        ...

    def watch(self) -> None:
        """Listen to what other processes ask from now on."""
        ...
