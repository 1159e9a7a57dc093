"""Promises of plain Python: they live in this process, and threads and asyncio tasks complete them.

Each host call is noted as a component would make it. Where nothing is left in the process that could complete a
promise, waiting for it is an error rather than a wait for ever.
"""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from typing import TYPE_CHECKING, Final

from durable_dsl.binding import native
from durable_dsl.errors import PromiseAbandoned, PromiseValueError
from durable_dsl.values.promise_ids import PromiseId

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["complete", "create", "wait", "wait_async", "wait_until"]

#: Of plain Python; a component has a UUID of its own.
_COMPONENT: Final = uuid.UUID(int=0)
#: Seconds between two looks whether there still is somebody who could complete a promise.
_LOOKS_AGAIN: Final = 0.05

_changed = threading.Condition()
_values: dict[PromiseId, bytes | None] = {}


def create(_described: bytes | None) -> PromiseId:
    thread = threading.current_thread()
    worker = "python" if thread is threading.main_thread() else f"python-{thread.name}"
    promise = PromiseId(_COMPONENT, worker, native.next_index())
    with _changed:
        _values[promise] = None
    native.note("create-promise", (), promise)
    return promise


def complete(promise: PromiseId, data: bytes) -> bool:
    with _changed:
        done = _value(promise) is None
        if done:
            _values[promise] = data
            _changed.notify_all()
    native.note("complete-promise", (promise, data), done)
    return done


def wait(promise: PromiseId) -> bytes:
    data = _completed(promise, None, _others_run)
    assert data is not None, "without a time-out there is a value"
    native.note("await-promise", (promise,), data)
    return data


def wait_until(promise: PromiseId, limit_ns: int) -> bytes | None:
    data = _look(promise)
    if data is not None or not limit_ns:
        return data
    _completed(promise, time.monotonic() + limit_ns / 1e9, lambda: True)
    return _look(promise)


async def wait_async(promise: PromiseId, limit_ns: int | None) -> bytes | None:
    if limit_ns is None:
        while (data := _value(promise)) is None:
            await _pause(promise, _LOOKS_AGAIN)
            if not (_others_run() or len(asyncio.all_tasks()) > 1 or _value(promise) is not None):
                raise PromiseAbandoned(str(promise))
        native.note("await-promise", (promise,), data)
        return data
    data = _look(promise)
    if data is not None or not limit_ns:
        return data
    deadline = time.monotonic() + limit_ns / 1e9
    while _value(promise) is None and (left := deadline - time.monotonic()) > 0:
        await _pause(promise, min(left, _LOOKS_AGAIN))
    return _look(promise)


#: How the names of threads begin that belong to the engine, to pytest's plugin for time-outs, and to debuggers.
_KNOW_NOTHING = ("durable-dsl ", "pytest_timeout ", "pydevd.")


async def _pause(promise: PromiseId, seconds: float) -> None:
    """Let other tasks run; a value that they give is seen at once."""
    await asyncio.sleep(0)
    if _value(promise) is None:
        await asyncio.sleep(seconds)


def _completed(promise: PromiseId, deadline: float | None, somebody: Callable[[], bool]) -> bytes | None:
    """Wait for the value; None at the deadline."""
    with _changed:
        while (data := _value(promise)) is None:
            left = _LOOKS_AGAIN if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return None
            if not somebody():
                raise PromiseAbandoned(str(promise))
            _changed.wait(min(left, _LOOKS_AGAIN))
        return data


def _others_run() -> bool:
    """Whether there are other threads; some are of those who run the program, and know of no promise."""
    others = [each for each in threading.enumerate() if each is not threading.current_thread()]
    return any(type(each).__name__ != "_DummyThread" and not each.name.startswith(_KNOW_NOTHING) for each in others)


def _look(promise: PromiseId) -> bytes | None:
    data: bytes | None = native.note("poll-promise", (promise,), _value(promise))
    return data


def _value(promise: PromiseId) -> bytes | None:
    try:
        return _values[promise]
    except KeyError:
        reason = f"there is no promise {promise} in this process: plain Python has no promises but its own"
        raise PromiseValueError(str(promise), reason) from None
