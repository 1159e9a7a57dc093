"""One call of an export: what a caller holds while it runs, waits or is queued."""

from __future__ import annotations

import threading
from typing import Any

from durable_dsl.engine.component import Export


class Invocation:
    """A running, queued or finished invocation. Callers with the same key share one."""

    def __init__(self, export: Export, arguments: list[Any], request: str, key: str) -> None:
        self.export = export
        self.arguments = arguments
        self.request = request
        self.key = key
        self._finished = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None

    @property
    def done(self) -> bool:
        return self._finished.is_set()

    def wait(self, timeout: float | None = None) -> Any:
        """The result, when it is there; raises InvocationError where it failed, TimeoutError after `timeout` seconds."""
        if not self._finished.wait(timeout):
            raise TimeoutError(f"the invocation of {self.export.name} has not finished after {timeout} s")
        if self._error is not None:
            raise self._error
        return self._value

    def finish(self, value: Any) -> None:
        self._value = value
        self._finished.set()

    def fail(self, error: BaseException) -> None:
        self._error = error
        self._finished.set()
