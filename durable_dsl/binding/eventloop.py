"""The event loop of a component: asyncio on `wasi:io/poll`, nothing else.

asyncio's own loop wants a socket pair to wake itself up, which the guest does not have, and componentize-py's loop
imports wasi:http. This one waits on pollables: one timer, and whatever `wait_for` registers. There are no threads and
no signals in a guest, so nothing needs waking from outside.

Promises have no pollables. When one promise is all that is left to wait for, the loop stops and waits for it; otherwise
it looks at them in growing intervals. A host that cannot look gets the promises last, after everything else is done,
and refuses them while a timer runs: the timer might be their time-out.

The clock is read only while a timer is set: each reading is recorded, and code that never sleeps should leave nothing
in the oplog. Nor is it read while an exception goes from task to task: it may be a failure, which leaves nothing there.
One loop, made at build time, serves every `async def` export of the instance; `asyncio.run` makes its own.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Any, TypeVar

from durable_host import poll, subscribe_duration

from durable_dsl.binding import exchanges
from durable_dsl.binding.promises import guest as promises
from durable_dsl.binding.sleeping import LONGEST_PIECE, may_not_suspend
from durable_dsl.binding.state import call
from durable_dsl.errors import PromiseUnsupported

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Coroutine, Iterator

    from durable_dsl.values.promise_ids import PromiseId

T = TypeVar("T")


class GuestEventLoop(asyncio.BaseEventLoop):
    """asyncio's loop on the guest's pollables."""

    # asyncio's own attributes, which its stubs leave out.
    _ready: deque[Any]
    _scheduled: list[Any]
    _stopping: bool
    _clock_resolution: float

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[tuple[Any, asyncio.Future[None]]] = []
        self._promised: list[tuple[PromiseId, asyncio.Future[bytes | None]]] = []
        self._intervals: Iterator[float] = promises.intervals()
        #: A task has raised an exception since there was last something to wait for: it may be on its way out.
        self._failing = False

    def run_forever(self) -> None:
        """Run until stopped; what waits for promises and exchanges meanwhile waits in this loop."""
        promises.serve(self)
        exchanges.serve(self)
        call.in_event_loop = True
        try:
            super().run_forever()
        finally:
            call.in_event_loop = False

    async def wait_for(self, pollable: Any) -> None:
        """Wait until `pollable` is ready. It stays the caller's to drop."""
        entry = (pollable, self.create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def wake(self, resource: object) -> None:
        """Go on with the tasks that wait for a pollable, which is about to be dropped."""
        for entry in [entry for entry in self._waiting if entry[0] is resource]:
            self._waiting.remove(entry)
            if not entry[1].done():
                entry[1].set_result(None)

    async def promised(self, promise: PromiseId, seconds: float | None) -> bytes | None:
        """Wait until a promise is completed, and give its value; None after so many seconds."""
        future: asyncio.Future[bytes | None] = self.create_future()
        entry = (promise, future)
        self._promised.append(entry)
        self._intervals = promises.intervals()
        timer = None if seconds is None else self.call_later(seconds, _settle, future, None)
        try:
            return await future
        finally:
            self._promised.remove(entry)
            if timer is not None:
                timer.cancel()

    def _run_once(self) -> None:
        """One turn: wait for what comes first, then run what is ready. Replaces asyncio's, which reads the clock."""
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False
        if not self._ready and not self._stopping:
            self._failing = False
            self._wait()
        if self._scheduled and not self._failing:
            due = self.time() + self._clock_resolution
            while self._scheduled and self._scheduled[0]._when < due:
                timer = heapq.heappop(self._scheduled)
                timer._scheduled = False
                self._ready.append(timer)
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle._cancelled:
                handle._run()
                self._failing = self._failing or _has_failed(getattr(handle._callback, "__self__", None))

    def _wait(self) -> None:
        """Block until a registered pollable, the next timer or a promise is ready."""
        if self._promised and self._look():
            return
        pollables = [pollable for pollable, _ in self._waiting]
        timer = None
        seconds = self._longest()
        if seconds is not None:
            timer = subscribe_duration(round(seconds * 1e9))
            pollables.append(timer)
        if not pollables:
            raise RuntimeError("every task waits for another: nothing can wake this event loop any more")
        ready = set(poll(pollables))
        if timer is not None:
            timer.__exit__(None, None, None)
        for position, (_, future) in enumerate(self._waiting):
            if position in ready and not future.done():
                future.set_result(None)

    def _longest(self) -> float | None:
        """How long to wait for pollables, at most: until the next timer, or until promises are looked at again."""
        limits = []
        if self._scheduled:
            limits.append(max(0.0, self._scheduled[0]._when - self.time()))
        if self._promised and promises.looks:
            limits.append(next(self._intervals))
        longest = min(limits, default=None)
        if longest is not None and longest > LONGEST_PIECE:
            # A request that is open and is not waited for here would be sent again when the worker wakes up.
            return LONGEST_PIECE if may_not_suspend() or (call.exchanges and not self._waiting) else longest
        return longest

    def _look(self) -> bool:
        """See to the promises that are waited for; whether a task can go on now."""
        promise, future = self._promised[0]
        if not self._waiting and not self._scheduled and (len(self._promised) == 1 or not promises.looks):
            _settle(future, promises.wait(promise))
        elif promises.looks:
            for each, its_future in self._promised:
                if (data := promises.look(each)) is not None:
                    _settle(its_future, data)
        elif self._scheduled and not future.done():
            future.set_exception(PromiseUnsupported())
        return any(future.done() for _, future in self._promised)

    def run_in_executor(self, *_asked: Any) -> Any:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Refused in words; asyncio would fail on a module that is not there."""
        raise RuntimeError("a component has no threads: call the function itself")

    def _write_to_self(self) -> None:
        """There are no other threads that the loop could be woken from."""


def _has_failed(task: Any) -> bool:
    """Whether it is a task that an exception has left; without taking note of it, as `exception()` would."""
    return isinstance(task, asyncio.Task) and task.done() and task._exception is not None


def _settle(future: asyncio.Future[bytes | None], data: bytes | None) -> None:
    if not future.done():
        future.set_result(data)


_loop = GuestEventLoop()


def install() -> None:
    """Have asyncio make loops of this kind, for `asyncio.run`, a `Runner` and whoever else asks for one."""
    the_asyncio: Any = asyncio
    the_asyncio.SelectorEventLoop = the_asyncio.EventLoop = GuestEventLoop
    the_asyncio.events._get_event_loop_policy()._loop_factory = GuestEventLoop


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end and give its result.

    Tasks that are left when it returns, or raises a domain error, are cancelled, as `asyncio.run` does. On a failure
    they are not: the instance ends, and nothing may run on the way.
    """
    try:
        result = _loop.run_until_complete(coroutine)
    except call.domain_errors:
        _cancel_leftovers()
        raise
    _cancel_leftovers()
    return result


def _cancel_leftovers() -> None:
    leftovers = asyncio.all_tasks(_loop)
    for task in leftovers:
        task.cancel()
    if leftovers:
        _loop.run_until_complete(asyncio.gather(*leftovers, return_exceptions=True))
    _loop.run_until_complete(_loop.shutdown_asyncgens())
