"""How long an invocation may take: from its beginning in this process to its end, with all that it waits for.

Sleeps, promises, other workers, the delays before retries and the replays on the way count; waiting in the queue does
not, nor does the replay of earlier invocations, each of which has as much time of its own. An invocation whose time is
over is interrupted: nothing is lost, and it goes on when it is resumed or called again.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from durable_dsl.engine.signals import TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable


class TimeLimit:
    """The alarm of one worker. `ring` is called with what ends the guest, from another thread."""

    def __init__(self, seconds: float, ring: Callable[[TimedOut], object]) -> None:
        self._seconds = seconds
        self._ring = ring
        #: When the time of each invocation that has begun is over; several are where one waits between attempts.
        self._ends: dict[str, float] = {}
        self._alarm: threading.Timer | None = None
        #: Whether what is ended may go on in another attempt, after a wait that counts.
        self.lasting = False

    def begin(self, key: str) -> None:
        """An invocation begins, or goes on in another attempt."""
        self._stop()
        end = self._ends.setdefault(key, time.monotonic() + self._seconds)
        self._alarm = threading.Timer(max(0.0, end - time.monotonic()), self._ring, (TimedOut(self._seconds),))
        self._alarm.daemon = True
        self._alarm.start()

    def completed(self, key: str) -> None:
        """It has come to its end."""
        self._ends.pop(key, None)
        self._stop()

    def broken_off(self) -> None:
        """Something has ended it; only where another attempt may follow does its time go on."""
        if not self.lasting:
            self.close()

    def close(self) -> None:
        """Nothing runs any more."""
        self._ends.clear()
        self._stop()

    def _stop(self) -> None:
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()
            alarm.join()  # or it might end what begins next
