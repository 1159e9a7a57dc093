"""Entering a guest and leaving it: which instances run, and what ends them.

A C callback must never let an exception out: ctypes would drop it and hand wasmtime an uninitialised pointer. Python
code can catch everything but what is raised at its own first instruction: what a signal's handler raises, and
RecursionError. Neither can come there, on a thread that is no other's and whose stack is empty (`threads`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.bridge import ffi
from durable_dsl.engine.bridge import threads as guest_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.bridge.calls import Instance

HOSTS: dict[int, Any] = {}
"""The host objects of the instances that a call is in, by the address of their store."""
RUNNING: dict[int, Instance] = {}
"""The instances themselves."""

_ENDED = b"the host ended this call"


def fail(context: int, error: BaseException) -> int | None:
    """Keeps what an implementation raised, or what ended the instance, and returns wasmtime's error for it."""
    instance = RUNNING[context]
    if context not in HOSTS and instance.reason is not None:
        error = instance.reason
    instance.failure = error
    pointer: int = ffi.new_error(_ENDED)
    return pointer


def stop(instance: Instance, reason: BaseException) -> None:
    """Ends an instance's call, or its next one, at its next host call: that does not find its host and asks why."""
    instance.reason = reason
    HOSTS.pop(instance.context, None)


def enter(instance: Instance, guest: Callable[..., int | None], *arguments: Any) -> int | None:
    """Calls into a guest; the answer is the address of wasmtime's error."""
    answer: int | None = guest_threads.enter(lambda error: stop(instance, error), guest, *arguments)
    return answer


def _epoch_tick(context: int, _data: int | None, deadline: int, update: int) -> int | None:
    """Runs in every interruptible guest when any of them is interrupted."""
    try:
        reason = RUNNING[context].reason
        if reason is not None:
            return fail(context, reason)
        ffi.U64[deadline >> 3] = 1
        ffi.U8[update] = 0  # go on
    except BaseException as error:  # noqa: BLE001  (as in any callback)
        return fail(context, error)
    return None


EPOCH_TICK = ffi.EPOCH_TICK(_epoch_tick)
