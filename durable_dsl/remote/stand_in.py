"""What answers for another component in plain Python: an object of the test's. Values are converted as elsewhere."""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import TYPE_CHECKING, Any

from durable_dsl.binding.remote.native import answering
from durable_dsl.errors import RemoteError
from durable_dsl.results import Err

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_dsl.remote.methods import CompiledMethod
    from durable_dsl.remote.values import Nodes

__all__ = ["StandIn"]


class StandIn:
    """Answers for `component` inside a `with` block. A stand-in that is put up inside another one's block counts."""

    def __init__(self, component: str, implementation: Any, methods: Mapping[str, CompiledMethod]) -> None:
        self._component = component
        self._implementation = implementation
        self._methods = {each.name: each for each in methods.values()}
        self._workers: dict[str, Any] = {}

    def __enter__(self) -> None:
        answering.setdefault(self._component, []).append(self)

    def __exit__(self, *_exception: object) -> None:
        answering[self._component].remove(self)

    def answer(self, worker: str, function: str, params: list[Nodes]) -> Nodes:
        method, result = self._begun(worker, function, params)
        if inspect.iscoroutine(result):
            result = self._settled(worker, method, lambda: _run(result))
        return method.answer(result)

    async def answer_async(self, worker: str, function: str, params: list[Nodes]) -> Nodes:
        method, result = self._begun(worker, function, params)
        if inspect.iscoroutine(result):
            try:
                result = await result
            except Exception as error:  # noqa: BLE001 - whatever makes a worker fail
                result = self._refused(worker, method, error)
        return method.answer(result)

    def _begun(self, worker: str, function: str, params: list[Nodes]) -> tuple[CompiledMethod, Any]:
        method = self._methods.get(function)
        implementation = self._of(worker)
        if method is None or not hasattr(implementation, method.python):
            reason = f"{implementation!r} has no function of that name"
            raise RemoteError(self._component, worker, function, "protocol-error", reason)
        called = getattr(implementation, method.python)
        return method, self._settled(worker, method, lambda: called(**method.read(params)))

    def _settled(self, worker: str, method: CompiledMethod, body: Any) -> Any:
        try:
            return body()
        except Exception as error:  # noqa: BLE001 - whatever makes a worker fail
            return self._refused(worker, method, error)

    def _refused(self, worker: str, method: CompiledMethod, error: Exception) -> Exception:
        """`error`, if that is an outcome of the function; else it makes the worker fail."""
        if method.raises and isinstance(error, (Err, *method.exceptions)):
            return error
        reason = f"the worker failed: {type(error).__name__}: {error}"
        raise RemoteError(self._component, worker, method.name, "failed", reason) from error

    def _of(self, worker: str) -> Any:
        """What answers for a worker, made when it is first called."""
        maker = self._implementation
        if not (inspect.isclass(maker) or inspect.isroutine(maker)):
            return maker
        if worker not in self._workers:
            takes_name = bool(inspect.signature(maker).parameters)
            self._workers[worker] = maker(*[worker][:takes_name])
        return self._workers[worker]


def _run(coroutine: Any) -> Any:
    """Run a coroutine to its end, where an event loop may be running already."""
    done: list[Any] = []

    def target() -> None:
        try:
            done.append(asyncio.run(coroutine))
        except Exception as error:  # noqa: BLE001 - handed over to the caller
            done.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    thread.join()
    if isinstance(done[0], Exception):
        raise done[0]
    return done[0]
