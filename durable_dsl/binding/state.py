"""What is open right now: the state that marks, regions and generated wrappers share.

A component runs one export at a time on one thread, so there it is one plain object. In plain Python each thread has
its own, as tests and servers run decorated functions on several.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_dsl.results import Err

if TYPE_CHECKING:
    from collections.abc import Iterator


class Entered(NamedTuple):
    """One open region: the region, what it has to give back when left, and its token if an event loop runs."""

    region: object
    previous: Any
    token: object | None


class PendingRestore(NamedTuple):
    """A retry policy to be set again later, and the exception that left the region which had changed it."""

    policy: Any
    left_by: BaseException


class _State:
    """The state of one worker instance (in plain Python: of one thread)."""

    def __init__(self) -> None:
        #: Which exceptions are domain errors for the export being called. Outside any export `Err` counts as one.
        self.domain_errors: tuple[type[BaseException], ...] = (Err,)
        #: Regions opened at run time, outermost first. Those that a wrapper compiled are not here.
        self.regions: list[Entered] = []
        #: The begin indices of open atomic regions, compiled ones too, outermost first.
        self.atomic: list[int] = []
        #: Policies to restore before the next call into this package.
        self.pending: list[PendingRestore] = []


if sys.platform == "wasi":
    call = _State()
else:

    class _ThreadState(threading.local, _State):
        pass

    call = _ThreadState()


def raised_from(error: BaseException | None, origin: BaseException) -> bool:
    """Whether `error` is `origin` or was raised from it, by `from` or while handling it."""
    return any(link is origin for link in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, link.__context__]
