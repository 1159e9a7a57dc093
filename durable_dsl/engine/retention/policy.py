"""For how long things are kept. All times are nanoseconds; None is for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Retention:
    """What `[tool.durable-dsl.retention]` says. Nothing is dropped by age where it says nothing."""

    #: Results by idempotency key, of invocations whose entries are dropped otherwise.
    results: int | None = None
    #: Entries that a snapshot stands for.
    history: int | None = None
    #: Workers that are idle, or have ended themselves, and have nothing to do or to wait for.
    finished: int | None = None
    #: Workers that have failed.
    failed: int | None = None
    #: Where entries are copied to before they are dropped.
    archive: Path | None = None

    @property
    def by_age(self) -> bool:
        """Whether anything is dropped by age."""
        return any(one is not None for one in (self.history, self.finished, self.failed))


@dataclass(frozen=True, slots=True)
class Dropping:
    """What was, or would be, dropped of a worker: entries, or all of it where it is purged."""

    worker: str
    entries: int
    upto: int
    purged: bool = False
    archive: str | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """A worker of which nothing was dropped that was due, and why."""

    worker: str
    reason: str
