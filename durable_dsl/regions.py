"""Regions at run time: what `with atomic():` and the marks of functions that are not exports do.

The rules are those of a wrapper that the build compiles, with the same host calls in the same order on normal returns
and domain errors. A region object holds no state of its own, so one object may be entered any number of times, nested
too; what a region has to give back stands on the open-region stack.

Decisions. Regions are last in, first out: a region of another asyncio task that would interleave is refused before
any host call. A failure (any exception but a domain error) that leaves an atomic region ends the instance, for user
code that caught it further out would go on with a region that is still open. A failure that leaves a retry region
leaves its restore pending, so that the host judges a trap under the policy of the innermost retry region left.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal

from durable_dsl.binding.boundary import end_instance, restore_pending, settle_pending
from durable_dsl.binding.current import (
    get_idempotence_mode,
    get_oplog_persistence_level,
    get_retry_policy,
    host_level,
    mark_begin_operation,
    mark_end_operation,
    oplog_commit,
    reset,
    set_idempotence_mode,
    set_oplog_persistence_level,
    set_retry_policy,
)
from durable_dsl.binding.http.overlaps import settle
from durable_dsl.binding.keys import take_key
from durable_dsl.binding.state import Entered, PendingRestore, call, in_transaction
from durable_dsl.errors import MarkError, RegionError, RegionFailed
from durable_dsl.policy import PersistenceLevel
from durable_dsl.yields import GENERATOR_FLAGS, yields_inside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType, TracebackType

#: The innermost region that the running task knows of; a child task starts with its parent's.
_innermost: Final[ContextVar[object | None]] = ContextVar("durable_dsl_innermost_region", default=None)

_getframe: Final = sys._getframe

#: What stands on the region stack when nothing does.
_NOTHING: Final[Entered] = (None, None, None)


class Region:
    """A `with` block that does something on the way in and something else on the way out.

    Every region passes through these two methods, so they are written for speed: no object is made but the entry on
    the stack, and what differs between regions is one call on the way in and one on the way out, which is the host
    function itself where that is all there is to do.
    """

    #: How messages call this region.
    word: str = "region"
    is_atomic = False
    #: Whether it is entered before all others of its function, wherever its mark stands.
    is_outermost = False

    def _enter(self) -> Any:
        """Do the host calls of entering; the result is what has to be given back."""
        raise NotImplementedError

    def _leave(self, previous: Any) -> None:
        """Do the host calls of leaving, on a normal return or a domain error."""
        raise NotImplementedError

    def _fail(self, previous: Any, failure: BaseException) -> None:  # noqa: ARG002
        """Leave on the way of a failure: a setting is restored at once, as on a normal return."""
        self._leave(previous)

    def _ends_on(self, error: BaseException) -> bool:
        """Whether `error` leaves this region as a normal return would."""
        return isinstance(error, call.domain_errors)

    def __enter__(self) -> None:
        if call.pending:
            restore_pending()
        if call.takes_key:
            take_key()
        if call.exchanges and self.is_atomic:
            settle()
        if _getframe(1).f_code.co_flags & GENERATOR_FLAGS:
            _refuse_yield(_getframe(1), self)
        token = _claim(self) if call.in_event_loop else None
        call.regions.append((self, self._enter(), token))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        if kind is RegionFailed:
            _leave_dead(self)
            return False
        regions = call.regions
        region, previous, token = regions.pop() if regions else _NOTHING
        if region is not self or token is not None:
            _give_back(self, region, token)
        if error is None or self._ends_on(error):
            if call.pending:
                restore_pending()
            self._leave(previous)
        else:
            settle_pending(error)
            self._fail(previous, error)
        return False


class AtomicRegion(Region):
    """Everything inside is done again as a whole until its end is on record."""

    word = "atomic"
    is_atomic = True

    def __init__(self, commit_on: tuple[type[BaseException], ...] | None = None) -> None:
        self.commit_on = commit_on

    _enter = staticmethod(mark_begin_operation)  # pyright: ignore[reportAssignmentType]
    _leave = staticmethod(mark_end_operation)  # type: ignore[assignment]

    def _fail(self, previous: int, failure: BaseException) -> None:  # noqa: ARG002
        end_instance(failure, self.word)

    def _ends_on(self, error: BaseException) -> bool:
        if self.commit_on == ():
            return False
        if isinstance(error, (*(self.commit_on or ()), *call.domain_errors)):
            return True
        # The failure must be on record before a transaction undoes its first step.
        return isinstance(error, Exception) and in_transaction()


class PersistRegion(Region):
    """A stretch of code with another persistence level."""

    word = "persist"

    def __init__(self, level: PersistenceLevel) -> None:
        self.level = level
        self._host_level = host_level(level)

    def _enter(self) -> Any:
        previous = get_oplog_persistence_level()
        set_oplog_persistence_level(self._host_level)
        return previous

    _leave = staticmethod(set_oplog_persistence_level)  # type: ignore[assignment]


class IdempotenceRegion(Region):
    """A stretch of code whose remote writes may, or may not, be sent again when their outcome is not known."""

    def __init__(self, idempotent: bool) -> None:
        self.idempotent = idempotent
        self.word = "idempotent" if idempotent else "non_idempotent"

    def _enter(self) -> bool:
        previous: bool = get_idempotence_mode()
        set_idempotence_mode(self.idempotent)
        return previous

    _leave = staticmethod(set_idempotence_mode)  # type: ignore[assignment]


def in_unrecorded_zone() -> bool:
    """Whether nothing is recorded here: the innermost persistence region is a persist-nothing zone."""
    level = next((region.level for region, _, _ in reversed(call.regions) if isinstance(region, PersistRegion)), None)
    return call.unrecorded > 0 if level is None else level is PersistenceLevel.PERSIST_NOTHING


class RetryRegion(Region):
    """A stretch of code whose failures are judged under another retry policy.

    `changes` are fields of the host's retry-policy record; those left out keep the value just read.
    """

    word = "retry"

    def __init__(self, changes: Mapping[str, Any]) -> None:
        self.changes = dict(changes)

    def _enter(self) -> Any:
        previous = get_retry_policy()
        if "max_jitter_factor" in self.changes and not hasattr(previous, "max_jitter_factor"):
            raise MarkError(
                "DSL108",
                "retry(jitter=…) has no meaning on this host: its retry policy has no such field",
                "leave jitter out, or build for golem-1.1",
            )
        set_retry_policy(replace(previous, **self.changes))
        return previous

    _leave = staticmethod(set_retry_policy)  # type: ignore[assignment]

    def _fail(self, previous: Any, failure: BaseException) -> None:
        call.pending.append(PendingRestore(previous, failure))


class CommitRegion(Region):
    """A stretch of code after which the oplog is on the given number of replicas."""

    word = "commit"

    def __init__(self, replicas: int) -> None:
        self.replicas = replicas

    def _enter(self) -> None:
        return None

    def _leave(self, previous: None) -> None:  # noqa: ARG002
        oplog_commit(self.replicas)

    def _fail(self, previous: None, failure: BaseException) -> None:
        """A failure commits nothing."""


def _claim(region: Region) -> object:
    """Make `region` the innermost of this task, or refuse it if another task's region is open."""
    innermost: Any
    innermost, _, outer = call.regions[-1] if call.regions else _NOTHING
    # A region without a token was opened outside the event loop, which therefore runs inside it.
    if outer is not None and outer is not _innermost.get():
        raise RegionError(
            f"cannot open a region ({region.word}) here: a region ({innermost.word}) of another asyncio task is open. "
            f"Regions of concurrent tasks would end in an order that cannot be replayed; "
            f"open one region around the tasks, or await one task before the next opens its region"
        )
    token = object()
    _innermost.set(token)
    return token


def _give_back(region: Region, innermost: Any, token: object | None) -> None:
    """Make the next outer region the task's innermost, unless what was on the stack is not `region` as it entered."""
    if innermost is region and token is _innermost.get():
        _innermost.set(call.regions[-1][2] if call.regions else None)
        return
    call.regions.clear()
    call.atomic.clear()
    if innermost is None:
        error = RegionError(f"a region ({region.word}) is left that is not open")
    else:
        error = RegionError(
            f"a region ({region.word}) is left while a region ({innermost.word}) opened later is still open. "
            f"Regions end in the reverse order of their beginning; await the tasks that open regions inside"
        )
    end_instance(error, region.word)


def _refuse_yield(frame: FrameType, region: Region) -> None:
    if yields_inside(frame):
        raise MarkError(
            "DSL009",
            f"a region ({region.word}) contains a yield",
            "whoever resumes the generator would decide whether the region ends: yield before or after it",
            frame.f_code.co_filename,
            frame.f_lineno,
        )


def _leave_dead(region: Region) -> None:
    """Leave `region` on the way of RegionFailed (plain Python): the instance has ended, nothing is restored."""
    if call.regions and call.regions[-1][0] is region:
        call.regions.pop()
        _innermost.set(call.regions[-1][2] if call.regions else None)
    if not call.regions:
        reset()
