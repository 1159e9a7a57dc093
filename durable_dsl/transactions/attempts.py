"""One attempt of a transaction: how it ends, well or by undoing what was done, and whether another one follows.

Each attempt of a transaction that repeats has a marker of its own in the oplog, since some hosts allow no second jump
to one; the gaps that jumps leave between the markers count the failed attempts, and survive every crash.

In a transaction of coroutines an operation runs in a task of its own. A caller that is cancelled leaves it running:
half an effect could neither be kept nor undone. The transaction waits for it, and undoes it, since nobody knows of its
result.
"""

from __future__ import annotations

import inspect
import random
import sys
import time
from typing import TYPE_CHECKING, Any

from durable_dsl.binding import current
from durable_dsl.binding.boundary import restore_pending
from durable_dsl.binding.http.overlaps import settle
from durable_dsl.binding.state import call, innermost_scope
from durable_dsl.errors import RegionError, TransactionFailed, TransactionStep
from durable_dsl.transactions.steps import Finished, TransactionScope, transaction_of

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from durable_dsl.policy import RetryPolicy

__all__ = ["Attempt", "the_asyncio"]


class Attempt(TransactionScope):
    """A transaction that is open. `block` is what a `with` statement opened it by."""

    def __init__(self, name: str, *, waits: bool, repeats: bool, block: object = None) -> None:
        if call.pending:
            restore_pending()
        super().__init__(name, waits=waits, repeats=repeats)
        self.block = block
        self._marker = self._failures = 0
        self._ended: Any = None
        outer = transaction_of(self.parent)
        if waits and outer is not None:
            self._ended = the_asyncio().get_running_loop().create_future()
            outer.running[self._ended] = self
        if repeats:
            try:
                self._marker, self._failures = _mark()
                # What earlier attempts have done is undone: their requests' idempotency keys are not made again.
                call.attempt += self._failures
            except BaseException:
                self.close()
                raise

    def succeed(self) -> None:
        """The body has returned, and nothing of it runs any more."""
        self.hand_over()
        self.close()

    def give_up(self, end: BaseException) -> None:
        """Something that is no failure of the body ends the program: nothing is undone, and `end` says so."""
        self.note_on(end)
        self.close()

    def close(self, failed: TransactionFailed | None = None) -> None:
        super().close(failed)
        outer = transaction_of(self.parent)
        if self._ended is not None and not self._ended.done():
            if outer is not None:
                outer.running.pop(self._ended, None)
            self._ended.set_result(failed)

    def fail(self, cause: Exception, retries: int) -> None:
        """Undo, and raise TransactionFailed; or start over, from which only plain Python returns."""
        try:
            undone = self._undo()
            failed = TransactionFailed(cause, tuple(undone), tuple(self.remains))
            delay = self._delay(failed, retries)
            if delay is not None:
                time.sleep(delay)
                current.start_over(self._marker)
                if self.block is None:
                    self.close()
                    return
        except BaseException as end:
            self.give_up(end)
            raise
        self.close(failed)
        raise failed from cause

    def _undo(self) -> list[TransactionStep]:
        self._begin_undoing()
        undone: list[TransactionStep] = []
        for finished, scope in self.undoing():
            token = innermost_scope.set(scope)
            try:
                answer = finished.undo()
                if inspect.isawaitable(answer):
                    raise _not_awaited(finished, answer)
            except Exception as error:  # noqa: BLE001  (noted, and told by TransactionFailed)
                self.remains.append(finished.step._replace(error=error))
            else:
                undone.append(finished.step)
            finally:
                scope.open = False
                innermost_scope.reset(token)
        return undone

    def _begin_undoing(self) -> None:
        """Take no more steps. The failure is being handled, so policies that wait to be restored are."""
        self.open = False
        if call.pending:
            restore_pending()

    def _delay(self, failed: TransactionFailed, retries: int) -> float | None:
        """How long to wait before the next attempt, in seconds; None if there is none."""
        if not self.repeats or failed.not_undone:
            return None
        if call.pending:
            restore_pending()
        policy = current.public_policy(current.get_retry_policy())
        failures = self._failures + retries
        return _delay_of_retry(policy, failures + 1) if failures < policy.max_attempts else None

    # Of coroutines

    async def complete(self) -> None:
        """Wait for what still runs in other tasks, and undo steps whose callers were cancelled: they know of none."""
        while self.running or any(each.abandoned for each in self.steps):
            running = dict(self.running)
            if running:
                await the_asyncio().wait(running)
            for task, scope in running.items():
                failure = _failure_of(task)
                if failure is not None and not getattr(scope, "abandoned", False):
                    raise failure
            before = len(self.remains)
            _, cancelled = await _to_the_end(self._undo_async([], only_abandoned=True))
            for step in self.remains[before:]:
                assert step.error is not None
                raise step.error
            if cancelled is not None:
                raise cancelled

    async def fail_async(self, cause: BaseException, retries: int) -> None:
        """`fail` for coroutines. A cancellation goes on as one, unless something could not be undone."""
        asyncio = the_asyncio()
        try:
            self._begin_undoing()
            undone: list[TransactionStep] = []
            _, cancelled = await _to_the_end(self._undo_async(undone, only_abandoned=False))
            stop = cause if isinstance(cause, asyncio.CancelledError) else cancelled
            failed = TransactionFailed(cause, tuple(undone), tuple(self.remains))
            delay = self._delay(failed, retries) if stop is None else None
            if delay is not None:
                await asyncio.sleep(delay)
                current.start_over(self._marker)
                if self.block is None:
                    self.close()
                    return
        except BaseException as end:
            self.give_up(end)
            raise
        self.close(failed)
        if stop is None or failed.not_undone:
            raise failed from cause
        if stop is cause:
            raise cause
        raise stop from failed

    async def _undo_async(self, undone: list[TransactionStep], *, only_abandoned: bool) -> None:
        asyncio = the_asyncio()
        while self.running and not only_abandoned:
            running = list(self.running)
            await asyncio.wait(running)
            for failure in filter(None, map(_failure_of, running)):
                if not isinstance(failure, (Exception, asyncio.CancelledError)):
                    raise failure
        for finished, scope in self.undoing(only_abandoned=only_abandoned):
            token = innermost_scope.set(scope)
            try:
                answer = finished.undo()
                if inspect.isawaitable(answer):
                    await answer
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001  (as above)
                self.remains.append(finished.step._replace(error=error))
            else:
                undone.append(finished.step)
            finally:
                scope.open = False
                innermost_scope.reset(token)


def _mark() -> tuple[int, int]:
    """The marker of this attempt, and how many failed before it. Every jump leaves a gap behind its marker."""
    if call.exchanges:
        settle(every=True)
    marker: int = current.get_oplog_index()
    failures = 0
    while (following := current.get_oplog_index()) != marker + 1:
        failures += 1
        marker = following
    return marker, failures


def _delay_of_retry(policy: RetryPolicy, number: int) -> float:
    """Seconds to wait before the retry of that number (1, 2, …), as the embedded engine and Golem count them."""
    try:
        base = policy.min_delay_ns * policy.multiplier ** (number - 1)
    except OverflowError:
        base = float(policy.max_delay_ns)
    if policy.jitter:
        base += base * random.uniform(0, policy.jitter)  # noqa: S311  (spreads load, hides nothing)
    # Also where it is NaN or infinite.
    return (int(base) if base < policy.max_delay_ns else policy.max_delay_ns) / 1e9


def the_asyncio() -> Any:
    """asyncio, where a coroutine runs: somebody has imported it, and whoever runs none shall not pay for it."""
    return sys.modules["asyncio"]


async def _to_the_end(coroutine: Coroutine[Any, Any, None]) -> tuple[None, BaseException | None]:
    """Run `coroutine` to its end, whoever cancels meanwhile; and the cancellation, if one came."""
    asyncio = the_asyncio()
    task = asyncio.ensure_future(coroutine)
    cancelled: BaseException | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    return task.result(), cancelled


def _failure_of(ended: Any) -> BaseException | None:
    """What a task, or a nested transaction that was waited for, failed by. A task that was cancelled did not fail."""
    if ended.cancelled():
        return None
    failure: BaseException | None = ended.exception()
    if failure is None and isinstance(ended.result(), TransactionFailed):
        failure = ended.result()
    return failure


def _not_awaited(finished: Finished, answer: Any) -> RegionError:
    if inspect.iscoroutine(answer):
        answer.close()
    return RegionError(
        f"the undo of {finished.step.operation} gives a coroutine, which this transaction cannot wait for; "
        f"make the operation and the transaction async"
    )
