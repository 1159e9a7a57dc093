"""The event loop of `async def` implementations in a component: asyncio on `wasi:io/poll`, nothing else.

asyncio's own loop wants a socket pair to wake itself up, which the guest does not have, and componentize-py's loop
imports wasi:http. This one waits on pollables: one timer, and whatever `wait_for` registers. There are no threads and
no signals in a guest, so nothing needs waking from outside.

The clock is read only while a timer is set: each reading is recorded, and code that never sleeps should leave nothing
in the oplog. One loop, made at build time, serves every call of the instance.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Any, TypeVar

from durable_host import poll, subscribe_duration

from durable_dsl.binding.state import call, open_atomic_region

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Coroutine

T = TypeVar("T")

#: Seconds. A longer wait suspends the worker, which inside an atomic region would start the region again at every
#: wake-up; this is half of Golem's threshold.
LONGEST_WAIT_IN_REGION = 5.0


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

    async def wait_for(self, pollable: Any) -> None:
        """Wait until `pollable` is ready. It stays the caller's to drop."""
        entry = (pollable, self.create_future())
        self._waiting.append(entry)
        try:
            await entry[1]
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def _run_once(self) -> None:
        """One turn: wait for what comes first, then run what is ready. Replaces asyncio's, which reads the clock."""
        while self._scheduled and self._scheduled[0]._cancelled:
            heapq.heappop(self._scheduled)._scheduled = False
        if not self._ready and not self._stopping:
            self._wait()
        if self._scheduled:
            due = self.time() + self._clock_resolution
            while self._scheduled and self._scheduled[0]._when < due:
                timer = heapq.heappop(self._scheduled)
                timer._scheduled = False
                self._ready.append(timer)
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if not handle._cancelled:
                handle._run()

    def _wait(self) -> None:
        """Block until a registered pollable or the next timer is ready."""
        pollables = [pollable for pollable, _ in self._waiting]
        timer = None
        if self._scheduled:
            seconds = max(0.0, self._scheduled[0]._when - self.time())
            if open_atomic_region() is not None:
                seconds = min(seconds, LONGEST_WAIT_IN_REGION)
            timer = subscribe_duration(round(seconds * 1e9))
            pollables.append(timer)
        if not pollables:
            raise RuntimeError("every task waits for another: nothing can wake this event loop any more")
        try:
            ready = set(poll(pollables))
        finally:
            if timer is not None:
                timer.__exit__(None, None, None)
        for position, (_, future) in enumerate(self._waiting):
            if position in ready and not future.done():
                future.set_result(None)

    def run_in_executor(self, *_asked: Any) -> Any:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Refused in words; asyncio would fail on a module that is not there."""
        raise RuntimeError("a component has no threads: call the function itself")

    def _write_to_self(self) -> None:
        """There are no other threads that the loop could be woken from."""


_loop = GuestEventLoop()


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run `coroutine` to its end and give its result.

    Tasks that are left when it returns, or raises a domain error, are cancelled, as `asyncio.run` does. On a failure
    they are not: the instance ends, and nothing may run on the way.
    """
    call.in_event_loop = True
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
    call.in_event_loop = False
