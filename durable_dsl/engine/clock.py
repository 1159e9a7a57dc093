"""Time as the engine sees it, behind one protocol so that tests skip it.

All times are nanoseconds since 1970. The guest's monotonic clock is this clock too: it must mean the same after a
restart, so that a sleep goes on for its remainder.

Guests and settings ask for times and waits of any length, the operating system and the file format know shorter ones:
a time is at most `LAST`, and a wait in the system at most `LONGEST_WAIT`, after which whoever waits looks again.
"""

from __future__ import annotations

import threading
import time
from typing import Protocol

#: In the year 2255. What is later is as good as never; the years after it, up to what 64 bits hold, are for going on.
LAST = 9_000_000_000_000_000_000
#: The longest single wait that is asked of the system, in seconds.
LONGEST_WAIT = 86_400.0


def bounded_seconds(nanoseconds: int) -> float:
    """So many nanoseconds as seconds that any function of the system takes: none below 0, at most `LONGEST_WAIT`."""
    return min(max(0, nanoseconds) / 1e9, LONGEST_WAIT)


def _first(seconds: float, again: float | None) -> float:
    return seconds if again is None else min(seconds, again)


class Clock(Protocol):
    """What the engine needs of time."""

    def now(self) -> int:
        """Nanoseconds since 1970, never less than an earlier answer in this process."""
        ...

    def wait(
        self, condition: threading.Condition, until: int | None, *, outside: bool = False, again: float | None = None
    ) -> None:
        """Wait, holding `condition`, until it is notified or until that time, or for a shorter while: look again then.

        `outside` says that something is under way outside, such as a request, which takes the time that it takes.
        `again` is after how many seconds to look at something else, where that can change meanwhile.
        """
        ...


class SystemClock:
    """The machine's clock."""

    def __init__(self) -> None:
        self.now = time.time_ns

    def wait(
        self,
        condition: threading.Condition,
        until: int | None,
        *,
        outside: bool = False,  # noqa: ARG002
        again: float | None = None,
    ) -> None:
        if until is None:
            condition.wait(again)
        else:
            left = until - self.now()
            if left > 0:
                condition.wait(_first(bounded_seconds(left), again))


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

    def wait(
        self, condition: threading.Condition, until: int | None, *, outside: bool = False, again: float | None = None
    ) -> None:
        if until is None:
            condition.wait(again)
            return
        if outside:
            condition.wait(_first(bounded_seconds(until - self.now()), again))
            return
        with self._lock:
            left = until - self.now()
            if left > 0:
                self._offset += left
