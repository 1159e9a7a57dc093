"""What an instance and its host calls know of the worker that they belong to, and of the process that runs it.

Both stand above: `worker.handle.Worker` and `api.Engine`. Here are the facts that are needed of them, and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from durable_dsl.engine.clock import Clock
    from durable_dsl.engine.directory.catalogue import Catalogue
    from durable_dsl.engine.directory.cycles import Waiting
    from durable_dsl.engine.grants.permissions import Permissions
    from durable_dsl.engine.invocations.component import LoadedComponent
    from durable_dsl.engine.oplog.entries import Create
    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.replay.output import Sink
    from durable_dsl.engine.replay.retries import RetryPolicy


class Process(Protocol):
    """What runs workers of one data directory."""

    @property
    def store(self) -> Store: ...
    @property
    def catalogue(self) -> Catalogue: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def output(self) -> Sink: ...
    @property
    def max_memory(self) -> int | None: ...
    @property
    def timeout(self) -> float | None: ...
    @property
    def waiting(self) -> Waiting: ...
    def component_of(self, name: str, version: int) -> LoadedComponent:
        """A build that the data directory has."""
        ...

    def reach(self, name: str) -> Any:
        """Another worker of the data directory, as its users hold it. Raises UsageError where there is none."""
        ...

    def workers(self) -> list[Any]:
        """All of them, in the same form."""
        ...

    def wake(self, name: str) -> None:
        """Let a worker look whether what it waits for has come."""
        ...

    def tell_once(self, text: str) -> None:
        """Say something to whoever runs the engine; not again for the same text."""
        ...


class Owner(Protocol):
    """The worker that an instance is of."""

    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def component(self) -> str: ...
    @property
    def component_id(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def engine(self) -> Process: ...
    @property
    def permissions(self) -> Permissions: ...
    @property
    def created(self) -> Create: ...
    @property
    def default_policy(self) -> RetryPolicy: ...
    def environment(self, component: LoadedComponent) -> list[tuple[str, str]]:
        """What the guest sees of it."""
        ...

    def warn(self, text: str) -> None:
        """Tell whoever runs the engine something about this worker, once."""
        ...
