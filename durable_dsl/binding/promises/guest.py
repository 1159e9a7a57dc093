"""Promises of a component, by the host functions that it imports.

`await-promise` stops the whole instance; where `poll-promise` is imported too, a promise can be looked at in between.
The intervals grow with the time waited, so that a short wait is answered at once and a long one costs little; each is
an ordinary durable sleep, in which a worker needs no instance once it is long enough. A host that ends such a sleep
when the promise is completed says so in the environment, which is on record: there the first sleep is for all the time.
"""

from __future__ import annotations

import os
import time
import uuid
from itertools import repeat
from typing import TYPE_CHECKING, Any, Protocol

import durable_host as host

from durable_dsl.binding.guest import imported
from durable_dsl.binding.telling import tell
from durable_dsl.errors import PromiseUnsupported
from durable_dsl.values.promise_ids import WAKES, PromiseId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

__all__ = ["complete", "create", "intervals", "look", "looks", "serve", "wait", "wait_async", "wait_until"]

_FIRST, _GROWTH, _LONGEST = 0.1, 1.1, 600.0
_AGES = 1e9

_create = imported("create_promise")
_await = imported("await_promise")
_complete = imported("complete_promise")
_poll: Any = getattr(host, "poll_promise", None)
_subscribe: Any = getattr(host, "subscribe_duration", None)

#: Whether a promise can be looked at without waiting for it.
looks = _poll is not None


class _Loop(Protocol):
    def promised(self, promise: PromiseId, seconds: float | None) -> Awaitable[bytes | None]: ...


_loop: _Loop | None = None


def serve(loop: _Loop) -> None:
    """Have `loop` wait for the promises of coroutines; an event loop says so of itself when it runs."""
    global _loop  # noqa: PLW0603  (one loop runs at a time)
    _loop = loop


def create(described: bytes | None) -> PromiseId:
    """A new one; `described` is the type of its value, for a host that listens."""
    if described is not None:
        tell(described)
    made = _create()
    component = made.worker_id.component_id.uuid
    number = component.high_bits << 64 | component.low_bits
    return PromiseId(uuid.UUID(int=number), made.worker_id.worker_name, made.oplog_idx)


def complete(promise: PromiseId, data: bytes) -> bool:
    done: bool = _complete(_record(promise), data)
    return done


def wait(promise: PromiseId) -> bytes:
    """Stop until it is completed."""
    data: bytes = _await(_record(promise))
    return data


def look(promise: PromiseId) -> bytes | None:
    """The value, or None while there is none."""
    if _poll is None:
        raise PromiseUnsupported
    data: bytes | None = _poll(_record(promise))
    return data


def intervals() -> Iterator[float]:
    """How long to sleep before each next look, in seconds: about a tenth of the time since the first."""
    if WAKES in os.environ:
        yield from repeat(_AGES)
    pause = _FIRST
    while True:
        yield pause
        pause = min(pause * _GROWTH, _LONGEST)


def wait_until(promise: PromiseId, limit_ns: int) -> bytes | None:
    """The value, or None where there is none after so many nanoseconds."""
    data = look(promise)
    if data is not None or not limit_ns:
        return data
    limit = limit_ns / 1e9
    start = time.monotonic()
    left = limit
    for pause in intervals():
        # Not time.sleep: this has the start of the wait on disk, so that a crash does not begin the time anew, and the
        # embedded engine knows that it is the pause between two looks.
        timer = _subscribe(round(min(pause, left) * 1e9))
        timer.block()
        timer.__exit__(None, None, None)
        data = look(promise)
        left = limit - (time.monotonic() - start)
        if data is not None or left <= 0:
            return data
    raise AssertionError("the intervals never end")


async def wait_async(promise: PromiseId, limit_ns: int | None) -> bytes | None:
    """The same for a coroutine; None where the time is over."""
    assert _loop is not None, "a coroutine runs in the event loop"
    if limit_ns is not None and _poll is None:
        raise PromiseUnsupported
    if limit_ns == 0:
        return look(promise)
    data = await _loop.promised(promise, None if limit_ns is None else limit_ns / 1e9)
    return look(promise) if data is None else data


def _record(promise: PromiseId) -> Any:
    number = promise.component.int
    component = host.ComponentId(host.Uuid(number >> 64, number & (1 << 64) - 1))
    return host.PromiseId(host.WorkerId(component, promise.worker), promise.index)
