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


#: An open region: the region, what it has to give back when left, and its token if an event loop runs.
Entered = tuple[Any, Any, object | None]


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
        #: The begin indices of open atomic regions that a wrapper compiled, outermost first.
        self.atomic: list[int] = []
        #: Policies to restore before the next call into this package.
        self.pending: list[PendingRestore] = []


if sys.platform == "wasi":

    class _InstanceState(_State):
        #: Whether the guest's event loop runs; it says so itself.
        in_event_loop = False

    call = _InstanceState()
else:

    class _ThreadState(threading.local, _State):
        @property
        def in_event_loop(self) -> bool:
            """Whether an asyncio event loop runs in this thread; where asyncio was never imported, none does."""
            asyncio = sys.modules.get("asyncio")
            return asyncio is not None and asyncio._get_running_loop() is not None

        @in_event_loop.setter
        def in_event_loop(self, running: bool) -> None:
            """Only the guest's loop says so itself."""

    call = _ThreadState()


def raised_from(error: BaseException | None, origin: BaseException) -> bool:
    """Whether `error` is `origin` or was raised from it: by `from`, while handling it, or as a group with it inside."""
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
        inside = link.exceptions if isinstance(link, BaseExceptionGroup) else ()
        waiting += [link.__cause__, link.__context__, *inside]


def open_atomic_region() -> int | None:
    """The begin index of the outermost atomic region that is open, None if there is none."""
    if call.atomic:
        return call.atomic[0]
    return next((previous for region, previous, _ in call.regions if region.is_atomic), None)
