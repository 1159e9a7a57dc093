"""A guest that waits for nothing but a time or a promise: its worker is suspended, for a while with its instance.

That it waits is on record first, so that another process can go on with it. The instance is kept while its process
lives, so that the end of the wait need not replay the history: a few instances, and each for as long as an idle one.
Then the guest's call is ended, and what is left of the wait needs no instance.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

#: How often it is looked whether another process has brought about what is waited for, in seconds.
LOOKS_AGAIN = 0.1


class Places:
    """For the instances that one engine keeps while their workers are suspended."""

    def __init__(self, most: int = 16) -> None:
        self._free = threading.Semaphore(most)

    def take(self) -> bool:
        """Whether there was one, for whoever asks; to be given back."""
        return self._free.acquire(blocking=False)

    def give_back(self) -> None:
        self._free.release()


class Keeper(Protocol):
    """What runs the worker. In a dry run there is none."""

    places: Places
    #: How long an instance is kept, in seconds.
    keeps: float

    def suspended(self, until: int | None, promise: str | None) -> AbstractContextManager[None]:
        """The worker is suspended while this is open, and that is on record."""
        ...
