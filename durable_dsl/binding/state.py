"""What is open right now: the state that marks, regions and generated wrappers share.

A component runs one export at a time on one thread, so there it is one plain object. In plain Python each thread has
its own, as tests and servers run decorated functions on several.
"""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from durable_dsl.results import Err

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator


#: The innermost transaction, step or undo that the running task is in; a child task starts with its parent's.
innermost_scope: Final[ContextVar[Any]] = ContextVar("durable_dsl_innermost_scope", default=None)

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
        #: The base of this invocation's idempotency keys, how often each request has asked for one, which attempt of
        #: a transaction this is, and whether the base is to be taken before the next region opens.
        self.key: uuid.UUID | None = None
        self.drawn: dict[str, int] = {}
        self.attempt = 0
        self.takes_key = False
        #: HTTP exchanges and calls of other workers that are open, in the order in which they were begun.
        self.exchanges: dict[int, Any] = {}
        #: Whether requests may overlap wherever they are made: the setting `overlapping-requests`.
        self.overlapping = False
        #: How many persist-nothing zones are open that a wrapper compiled.
        self.unrecorded = 0
        #: Open transactions, in the order in which they were opened.
        self.transactions: list[Any] = []
        #: How many steps have finished inside transactions, and how many had when an oplog index was taken in one.
        self.steps = 0
        self.steps_at: dict[int, int] = {}
        #: In plain Python: how many exported functions are being called, one by the other, and what counted as a
        #: domain error before the outermost of them said otherwise.
        self.exports = 0
        self.outside: tuple[type[BaseException], ...] | None = None


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
    return any(link is origin for link in chain(error))


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """`error`, and all that it was raised from or has inside."""
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


def in_transaction() -> bool:
    """Whether an exception that is raised here is a transaction's to handle, which undoes what was done."""
    scope = innermost_scope.get()
    return scope is not None and bool(scope.open)


def note_open_steps(failure: BaseException) -> None:
    """Note on `failure`, which ends the instance, the finished steps of open transactions: nobody undoes them."""
    for transaction in reversed(call.transactions):
        transaction.note_on(failure)
