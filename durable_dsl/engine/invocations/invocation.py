"""One call of an export: what a caller holds while it runs, waits or is queued."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.wit.exports import Export


_making_event = threading.Lock()


class Invocation:
    """A running, queued or finished invocation. Callers with the same key share one."""

    def __init__(self, export: Export, arguments: list[Any], request: str, key: str) -> None:
        self.export = export
        self.arguments = arguments
        self.request = request
        self.key = key
        #: Whether it has a row in the queue on disk.
        self.queued = False
        #: Whether its result or its error is known.
        self.done = False
        self._finished: threading.Event | None = None  # made by the first who has to wait
        self._tell: list[Callable[[], None]] = []
        self._value: Any = None
        self._error: BaseException | None = None

    @property
    def call(self) -> tuple[str, str]:
        """Function and request: what its key names."""
        return self.export.name, self.request

    def wait(self, timeout: float | None = None) -> Any:
        """The result; raises InvocationError where it failed, TimeoutError after `timeout` seconds."""
        if not self.done and not self._event().wait(None if timeout is None else min(timeout, threading.TIMEOUT_MAX)):
            raise TimeoutError(f"the invocation of {self.export.name} has not finished after {timeout} s")
        if self._error is not None:
            raise self._error
        return self._value

    def when_done(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when it is finished, from whichever thread that happens in; perhaps twice."""
        self._tell.append(tell)
        if self.done:
            tell()

    def finish(self, value: Any) -> None:
        self._value = value
        self._end()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._end()

    def _event(self) -> threading.Event:
        with _making_event:
            event = self._finished = self._finished or threading.Event()
        if self.done:  # meanwhile; whoever finished it may not have seen the event
            event.set()
        return event

    def _end(self) -> None:
        self.done = True
        if self._finished is not None:
            self._finished.set()
        for tell in self._tell:
            tell()
