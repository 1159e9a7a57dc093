"""`time.sleep` in a component: as it is, but in pieces where a long sleep would undo itself.

A worker that sleeps for long gives up its instance, and the sleep goes on for its remainder when the worker wakes up.
Inside an atomic region, or where nothing is recorded, there is no remainder: each wake-up starts the region again, and
the sleep in it; while a request is open, it sends that again. So there the sleep is done in pieces that are too short
for the worker to give up its instance.

The generated wrapper imports this module before the app, so that `from time import sleep` gets the right one. On the
host nothing is replaced.
"""

from __future__ import annotations

import operator
import sys
import time
from typing import Any, Final

from durable_dsl.binding import current
from durable_dsl.binding.state import call, open_atomic_region
from durable_dsl.policy import PersistenceLevel

__all__ = ["LONGEST_PIECE", "may_not_suspend"]

#: Seconds. Half of what makes Golem and the embedded engine suspend a worker.
LONGEST_PIECE: Final = 5.0

#: Seconds. More than this no clock can count; Python refuses it in its own words.
_TOO_LONG: Final = 9e9

_sleep: Final = time.sleep
_level: Any = None


def may_not_suspend() -> bool:
    """Whether a wake-up would start again what is running now."""
    if open_atomic_region() is not None:
        return True
    return _level is not None and current.public_level(_level()) is PersistenceLevel.PERSIST_NOTHING


def sleep(seconds: Any, /) -> None:
    """Delay execution for a given number of seconds; the argument may be a floating-point number."""
    left = seconds if isinstance(seconds, float) or not hasattr(seconds, "__index__") else operator.index(seconds)
    if isinstance(left, (int, float)) and LONGEST_PIECE < left < _TOO_LONG and (call.exchanges or may_not_suspend()):
        while left > LONGEST_PIECE:
            _sleep(LONGEST_PIECE)
            left -= LONGEST_PIECE
        _sleep(left)
    else:
        _sleep(seconds)


if sys.platform == "wasi":
    import durable_host

    # Not recorded, so it can be asked at any time; a component that sets no level need not ask.
    _level = getattr(durable_host, "get_oplog_persistence_level", None)
    time.sleep = sleep
