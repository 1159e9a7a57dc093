"""Transactions: all of their operations, or none of them, or an error that names what is left.

No region is opened around a transaction, a step or an undo: each effect is on record by itself, so after a crash the
finished ones are answered from the oplog and the one in flight is performed again. When an `Exception` leaves the body
the finished steps are undone, newest first, and `TransactionFailed` is raised. What stops a program rather than fails
in it (RegionFailed, KeyboardInterrupt, SystemExit) undoes nothing. A cancelled body is undone, and the cancellation
goes on.

With `retry=True` the transaction is tried again from its beginning, by a jump back in the oplog; plain Python, which
has none, calls the function again.
"""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, Final, Literal, ParamSpec, TypeVar, overload

from durable_dsl.binding import current
from durable_dsl.binding.state import innermost_scope
from durable_dsl.errors import MarkError, RegionError
from durable_dsl.marks.collecting import refuse, refuse_unknown
from durable_dsl.marks.marked import NamedFunction, checked, position
from durable_dsl.transactions.attempts import Attempt, the_asyncio
from durable_dsl.yields import GENERATOR_FLAGS, yields_inside

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

__all__ = ["transaction"]

P = ParamSpec("P")
R = TypeVar("R")

_ABSENT: Final[Any] = object()


class Transaction:
    """`@transaction`, `with transaction:`, `async with transaction:`; `transaction(retry=True)` tries again.

    When an Exception leaves the body, its finished operations are undone, newest first, and TransactionFailed is
    raised. A nested transaction that succeeds leaves its operations to the outer one to undo. With `retry=True` it
    starts anew instead, as often and after such delays as the retry policy in force says, and raises only if an undo
    failed or the attempts are used up. Raises RegionError inside an atomic region or a persist-nothing zone.

    After a crash finished operations and undos are not done again; the one that was running is.
    """

    def __init__(self, *, repeats: bool) -> None:
        self.repeats = repeats

    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def __call__(self, *, retry: bool = ...) -> Transaction: ...
    def __call__(self, function: Any = _ABSENT, /, *, retry: Any = _ABSENT, **unknown: Any) -> Any:  # type: ignore[misc]
        if refuse_unknown("transaction", unknown):
            return self
        if function is not _ABSENT:
            return self._decorate(function)
        if retry is not _ABSENT and not isinstance(retry, bool):
            refuse(MarkError("DSL010", f"retry is {retry!r}", "transaction(retry=True), or without", *position(1)))
            return self
        return self if retry is _ABSENT else _TRANSACTIONS[retry]

    def _decorate(self, function: Any) -> Any:
        try:
            name, is_async = checked("transaction", function)
        except MarkError as fault:
            refuse(MarkError(fault.code, fault.message, fault.hint, *position(2)))
            return function
        if is_async:

            async def call_async(wrapped: Any, _instance: Any, arguments: Any, keywords: Any) -> Any:
                return await self._run_async(name, wrapped, arguments, keywords)

            return NamedFunction(function, call_async, "transaction")

        def call_plain(wrapped: Any, _instance: Any, arguments: Any, keywords: Any) -> Any:
            return self._run(name, wrapped, arguments, keywords)

        return NamedFunction(function, call_plain, "transaction")

    def _run(self, name: str, wrapped: Any, arguments: Any, keywords: Any) -> Any:
        retries = 0
        while True:
            attempt = Attempt(name, waits=False, repeats=self.repeats)
            try:
                result = wrapped(*arguments, **keywords)
                if inspect.iscoroutine(result):
                    raise _gives_coroutine(name, result)
            except Exception as cause:  # noqa: BLE001  (raised again as the cause of TransactionFailed)
                attempt.fail(cause, retries)
                retries += 1
            except BaseException as end:
                attempt.give_up(end)
                raise
            else:
                attempt.succeed()
                return result

    async def _run_async(self, name: str, wrapped: Any, arguments: Any, keywords: Any) -> Any:
        retries = 0
        while True:
            attempt = Attempt(name, waits=True, repeats=self.repeats)
            try:
                result = await wrapped(*arguments, **keywords)
                await attempt.complete()
            except (Exception, the_asyncio().CancelledError) as cause:  # noqa: BLE001  (as above)
                await attempt.fail_async(cause, retries)
                retries += 1
            except BaseException as end:
                attempt.give_up(end)
                raise
            else:
                attempt.succeed()
                return result

    def __enter__(self) -> None:
        self._open(waits=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        attempt = self._opened()
        if error is None:
            attempt.succeed()
        elif isinstance(error, Exception):
            attempt.fail(error, 0)
        else:
            attempt.give_up(error)
        return False

    async def __aenter__(self) -> None:
        self._open(waits=True)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Literal[False]:
        attempt = self._opened()
        cancelled = the_asyncio().CancelledError
        if error is None:
            try:
                await attempt.complete()
            except (Exception, cancelled) as cause:  # noqa: BLE001  (as above)
                error = cause
            except BaseException as end:
                attempt.give_up(end)
                raise
        if error is None:
            attempt.succeed()
        elif isinstance(error, (Exception, cancelled)):
            await attempt.fail_async(error, 0)
        else:
            attempt.give_up(error)
        return False

    def _open(self, *, waits: bool) -> None:
        frame = sys._getframe(2)
        if frame.f_code.co_flags & GENERATOR_FLAGS and yields_inside(frame):
            raise MarkError(
                "DSL009",
                "a transaction contains a yield",
                "whoever resumes the generator would decide whether it ends: yield before or after it",
                frame.f_code.co_filename,
                frame.f_lineno,
            )
        if self.repeats and not current.JUMPS:
            raise RegionError(
                "a block `with transaction(retry=True)` cannot be run again in plain Python, which has no oplog to go "
                "back in: put the block into a function and decorate that with @transaction(retry=True)"
            )
        Attempt(f"the block in {frame.f_code.co_qualname}", waits=waits, repeats=self.repeats, block=self)

    def _opened(self) -> Attempt:
        attempt = innermost_scope.get()
        if not isinstance(attempt, Attempt) or attempt.block is not self or not attempt.open:
            raise RegionError("a transaction is left that is not the innermost open one of this task")
        return attempt


def _gives_coroutine(name: str, coroutine: Any) -> RegionError:
    coroutine.close()
    return RegionError(
        f"the transaction {name} is a plain function that gives a coroutine, which has not run yet: "
        f"put @transaction on the async def itself"
    )


_TRANSACTIONS: Final = {False: Transaction(repeats=False), True: Transaction(repeats=True)}

transaction: Final = _TRANSACTIONS[False]
