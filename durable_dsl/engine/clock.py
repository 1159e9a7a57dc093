"""Time as the engine sees it, behind one protocol so that tests skip it.

All times are nanoseconds since 1970. The guest's monotonic clock is this clock too: it must mean the same after a
restart, so that a sleep goes on for its remainder.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """What the engine needs of time."""

    def now(self) -> int:
        """Nanoseconds since 1970, never less than an earlier answer in this process."""
        ...

    def wait(self, condition: threading.Condition, until: int | None, *, outside: bool = False) -> None:
        """Wait, holding `condition`, until it is notified or until that time.

        `outside` says that something is under way outside, such as a request, which takes the time that it takes.
        """
        ...


class SystemClock:
    """The machine's clock."""

    def __init__(self) -> None:
        self.now = time.time_ns

    def wait(self, condition: threading.Condition, until: int | None, *, outside: bool = False) -> None:  # noqa: ARG002
        if until is None:
            condition.wait()
        else:
            left = until - self.now()
            if left > 0:
                condition.wait(left / 1e9)


class SkippingClock:
    """For tests: whoever waits until a time finds that time come. A 24-hour sleep takes no time.

    While something is under way outside no time is skipped, or a request would always be overtaken by its time-out.
    """

    def __init__(self, start: int | None = None) -> None:
        self._offset = 0 if start is None else start - time.time_ns()
        self._lock = threading.Lock()

    def now(self) -> int:
        return time.time_ns() + self._offset

    def advance(self, nanoseconds: int) -> None:
        with self._lock:
            self._offset += nanoseconds

    def wait(self, condition: threading.Condition, until: int | None, *, outside: bool = False) -> None:
        if until is None or outside:
            condition.wait(None if until is None else max(0.0, (until - self.now()) / 1e9))
            return
        with self._lock:
            left = until - self.now()
            if left > 0:
                self._offset += left
