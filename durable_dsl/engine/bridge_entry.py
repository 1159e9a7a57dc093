"""Entering a guest and leaving it: which instances run, what ends them, and signals that arrive meanwhile.

A C callback must never let an exception out: ctypes would drop it and hand wasmtime an uninitialised pointer. Python
code can catch everything but what is raised at its own first instruction, and there Python runs signal handlers: a
Ctrl-C during guest code would be raised exactly there. So while the main thread is in a guest, handlers are wrapped:
what a handler raises at such a place is kept and ends the guest at that host call. The other exception of a first
instruction, a full stack, is raised before the guest is entered (`make_room`).
"""

from __future__ import annotations

import importlib
import signal
import threading
from typing import TYPE_CHECKING, Any

from durable_dsl.engine import bridge_ffi as ffi

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from durable_dsl.engine.bridge_calls import Instance

HOSTS: dict[int, Any] = {}
"""The host objects of the instances that a call is in, by the address of their store."""
RUNNING: dict[int, Instance] = {}
"""The instances themselves."""

_MAIN = threading.main_thread().ident
_SIGNALS = tuple(
    int(number)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGUSR1", "SIGUSR2", "SIGCHLD")
    if (number := getattr(signal, name, None)) is not None
)
_signal: Any = importlib.import_module("_signal")  # without the enum conversions, which cost more than a guest call
_ENDED = b"the host ended this call"
_CALLBACKS = frozenset({"host_call", "fail", "_first_call", "_epoch_tick"})


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


def enter(guest: Callable[..., int | None], *arguments: Any) -> int | None:
    """Calls into a guest; the answer is the address of wasmtime's error."""
    make_room(16)
    if threading.get_ident() != _MAIN:
        return guest(*arguments)
    replaced = _guard()
    try:
        return guest(*arguments)
    finally:
        for number, guard in replaced:
            if _signal.getsignal(number) is guard:
                _signal.signal(number, guard.handler)


def make_room(frames: int) -> None:
    """Raises RecursionError here rather than in a callback."""
    if frames:
        make_room(frames - 1)


class _Guard:
    """A signal handler while the main thread is in a guest."""

    __slots__ = ("handler",)

    def __init__(self, handler: Callable[[int, FrameType | None], Any]) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        at = frame
        while at is not None and at.f_code in _SHELTERED:  # a second signal, while the first is dealt with
            at = at.f_back
        context = _exposed(at)
        if context is None:
            self.handler(number, frame)
            return
        try:
            self.handler(number, frame)
        except BaseException as error:  # noqa: BLE001  (raised again by Instance.call)
            stop(RUNNING[context], error)


def _guard() -> list[tuple[int, _Guard]]:
    replaced = []
    for number in _SIGNALS:
        handler = _signal.getsignal(number)
        if callable(handler) and type(handler) is not _Guard:
            guard = _Guard(handler)
            _signal.signal(number, guard)
            replaced.append((number, guard))
    return replaced


def _exposed(frame: FrameType | None) -> int | None:
    """The store of the instance whose callback this frame is, if an exception there would be lost."""
    if frame is None or frame.f_code.co_name not in _CALLBACKS:
        return None
    context = frame.f_locals.get("context")
    return context if frame.f_globals.get("RUNNING") is RUNNING and context in RUNNING else None


_SHELTERED = frozenset({_Guard.__call__.__code__, _exposed.__code__, stop.__code__})


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
