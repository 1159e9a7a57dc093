"""The threads that guests run on, with stacks for all the depth that a guest may have.

CPython in a guest guards a stack of its own, of 1 MiB, and raises RecursionError before that is full. The native frames
of compiled code take many times as much, and where they fill the thread's stack first the guest traps. So no guest runs
on its caller's thread: it gets one whose stack is as deep as needed, of which only what is used takes memory. Python
runs signal handlers in the main thread, so none is ever run within a host call.
"""

from __future__ import annotations

import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_FOR_HOST = 4 << 20  # the stack of its calls, and of its Python
_IDLE_SECONDS = 10.0  # then a thread ends, and what it has used of its stack is free
_MOST_IDLE = 8
_FRAMES = 16

_pool = threading.Lock()
_idle: list[_Thread] = []
_stack = 0


def provide(stack: int) -> None:
    """From now on guests may use so many bytes of stack, if they could not before."""
    global _stack  # noqa: PLW0603 - threads are the process's
    with _pool:
        if stack + _FOR_HOST > _stack:
            _stack = stack + _FOR_HOST
            while _idle:
                _idle.pop().jobs.put(None)


class _Here(threading.local):
    """Whether a guest may be entered just here: on one of these threads, with all of its stack free."""

    free = False


_here = _Here()


class _Job:
    """What a thread is to do."""

    __slots__ = ("arguments", "begun", "done", "error", "finished", "task", "value")

    def __init__(self, task: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.task = task
        self.arguments = arguments
        self.begun = self.done = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.finished = threading.Lock()
        self.finished.acquire()

    def run(self) -> None:
        self.begun = True
        try:
            self.value = self.task(*self.arguments)
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            self.error = error
        self.done = True
        self.finished.release()


class _Thread:
    """One that does one job after another."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[_Job | None] = SimpleQueue()
        thread = threading.Thread(target=self._run, name="durable-dsl guest", daemon=True)
        with _pool:
            self._stack = _stack
            before = threading.stack_size(_stack)
            try:
                thread.start()
            except RuntimeError:
                raise UsageError(
                    f"the system gives no thread with a stack of {_stack >> 20} MiB to run a guest on",
                    "raise the limits on threads (ulimit -u) and address space (ulimit -v)",
                ) from None
            finally:
                threading.stack_size(before)

    def _run(self) -> None:
        while True:
            try:
                job = self.jobs.get(timeout=_IDLE_SECONDS)
            except Empty:
                if self._retired():
                    return
                continue
            if job is None:
                return
            if job.begun:  # it was given twice
                continue
            _here.free = self._stack == _stack
            job.run()
            del job  # with all that it holds
            with _pool:
                if len(_idle) >= _MOST_IDLE or self._stack < _stack:
                    return
                _idle.append(self)

    def _retired(self) -> bool:
        with _pool:
            if self in _idle:
                _idle.remove(self)
                return True
            return False  # somebody has just taken it


def _thread() -> _Thread:
    with _pool:
        if _idle:
            return _idle.pop()
    return _Thread()


def start(task: Callable[..., object], *arguments: Any) -> None:
    """Have `task` done by one of these threads, side by side; it tells itself what comes of it.

    Raises UsageError where the system gives no thread.
    """
    _thread().jobs.put(_Job(task, arguments))


def call(broken: Callable[[BaseException], object], task: Callable[..., Any], *arguments: Any) -> Any:
    """What `task` returns or raises, on one of these threads.

    Where the caller is one, and has entered no guest yet, that is called here. Where a signal's handler raises in the
    caller, which waits, `broken` is called with that: it ends the task, which raises the same if it still can; where
    it was done already, that is raised all the same. Raises UsageError where the system gives no thread.
    """
    if _here.free:
        return task(*arguments)
    _make_room(_FRAMES)
    job = _Job(task, arguments)
    thread = _thread()
    given = False
    came: BaseException | None = None
    try:
        while not job.done:
            try:
                if not given:
                    thread.jobs.put(job)  # twice does no harm
                    given = True
                job.finished.acquire()
            except BaseException as error:  # noqa: BLE001 - raised below
                came = error
                broken(error)
        if came is not None and job.error is None:
            raise came
        if job.error is not None:
            raise job.error
        return job.value
    finally:
        del job, came  # their tracebacks hold this frame


def enter(broken: Callable[[BaseException], object], guest: Callable[..., Any], *arguments: Any) -> Any:
    """The same for a C function that enters a guest; what it calls back has none of the stack for another guest."""
    return call(broken, _entered, guest, arguments)


def _entered(guest: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    _here.free = False
    try:
        return guest(*arguments)
    finally:
        _here.free = True


def _make_room(frames: int) -> None:
    """Raises RecursionError here, where nothing has begun."""
    if frames:
        _make_room(frames - 1)


os.register_at_fork(after_in_child=_idle.clear)
