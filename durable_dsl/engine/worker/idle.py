"""Which workers of a process are held and do nothing, and how many at most: each costs an instance and open files."""

from __future__ import annotations

import resource
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durable_dsl.engine.worker.turns import Turns

#: An idle instance of a Python component has some 12 MB.
_MOST = 32
#: Of the files that a process may have open: the others are for workers that run, connections, and the program itself.
_SHARE = 16


def limit() -> int:
    """How many idle workers a process keeps."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _MOST if files == resource.RLIM_INFINITY else max(1, min(_MOST, files // _SHARE))


class Idle:
    """Beyond the limit, the worker that was used longest ago is let go first."""

    def __init__(self) -> None:
        self.limit = limit()
        self._lock = threading.Lock()
        self._since: dict[Turns, float] = {}  # in the order of last use

    def add(self, worker: Turns) -> None:
        with self._lock:
            self._since.pop(worker, None)
            self._since[worker] = time.monotonic()

    def discard(self, worker: Turns) -> None:
        with self._lock:
            self._since.pop(worker, None)

    def trim(self) -> None:
        """Let go of what is too much; for threads that hold no worker's condition."""
        self._let_go(len(self._since) - self.limit)

    def let_go_of_all(self) -> bool:
        """Let go of those that nobody looks at; for whoever can open no more files. Whether there were any."""
        return self._let_go(len(self._since), waits=False)

    def overdue(self, seconds: float) -> None:
        """Let go of those with which nothing was done for so long."""
        before = time.monotonic() - seconds
        with self._lock:
            count = sum(since <= before for since in self._since.values())
        self._let_go(count)

    def _let_go(self, count: int, *, waits: bool = True) -> bool:
        if count <= 0:
            return False
        with self._lock:
            oldest = list(self._since)[:count]
        return sum(worker.release_if_idle(waits=waits) for worker in oldest) > 0
