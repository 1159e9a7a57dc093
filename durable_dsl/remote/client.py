"""Calls from worker to worker: another component's functions, typed by a protocol class, keyed by the worker's name.

    class Stock(Protocol):
        @remote.method(raises=OutOfStock)
        def reserve(self, sku: str, quantity: int) -> str: ...

    berlin = remote.client(Stock, worker="berlin")
    label = berlin.reserve("tea", 2)                      # waits for the result
    label = await berlin.reserve.call_async("tea", 2)     # the same; other tasks run meanwhile
    berlin.reserve.start("tea", 2)                        # does not wait, and gets no result

A worker that does not exist is made by the call. The callee runs one call after the other, each on record, and knows a
call that is made again after a crash: it is answered with what it gave, and not performed twice. The result is recorded
with the caller too. In plain Python a test says what answers (`remote.register`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, ParamSpec, TypeVar, cast, overload

from durable_dsl.binding.remote.calls import Target
from durable_dsl.errors import RemoteError
from durable_dsl.remote.methods import METHOD, Declared, compiled_methods, kebab
from durable_dsl.remote.values import case

if sys.platform == "wasi":
    import durable_remote_host

    if hasattr(durable_remote_host, "WasmRpc"):
        from durable_dsl.binding.remote.guest import call, call_async, start
    else:  # a component that only declares protocols calls nobody, and imports nothing for it
        from durable_dsl.binding.remote.native import call, call_async, start
else:
    from durable_dsl.binding.remote.native import call, call_async, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from durable_dsl.binding.remote.calls import Nodes
    from durable_dsl.remote.methods import CompiledMethod

__all__ = ["Method", "RemoteError", "case", "client", "interface", "method", "register"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_INTERFACE: Final = "__durable_dsl_interface__"


class Method(Generic[P, R]):
    """A function of another worker."""

    def __init__(self, target: Target, compiled: CompiledMethod) -> None:
        self._target = target
        self._compiled = compiled

    def __repr__(self) -> str:
        return f"<{self._compiled.name} of worker {self._target.worker!r} ({self._target.component})>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call, and wait for the result. Raises RemoteError where there is none."""
        params = self._compiled.written(args, kwargs)
        if self._compiled.is_async:
            return cast("R", self._waited(params))
        return cast("R", self._compiled.result(call(self._target, self._compiled.name, params)))

    async def call_async(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The same; other tasks run meanwhile."""
        return cast("R", await self._waited(self._compiled.written(args, kwargs)))

    def start(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Have it called, without waiting for it. Raises RemoteError where that cannot be."""
        start(self._target, self._compiled.name, self._compiled.written(args, kwargs))

    async def _waited(self, params: list[Nodes]) -> Any:
        return self._compiled.result(await call_async(self._target, self._compiled.name, params))


class _Client:
    """Has the functions of a protocol as attributes."""

    def __init__(self, protocol: type[Any], target: Target) -> None:
        self._shown = f"<{protocol.__qualname__} of worker {target.worker!r} ({target.component})>"
        for name, compiled in compiled_methods(protocol).items():
            setattr(self, name, Method[Any, Any](target, compiled))

    def __repr__(self) -> str:
        return self._shown


@overload
def method(function: Callable[Concatenate[Any, P], R], /) -> Method[P, R]: ...
@overload
def method(
    *, raises: Any = ..., name: str | None = ...
) -> Callable[[Callable[Concatenate[Any, P], R]], Method[P, R]]: ...
def method(function: Any = None, /, *, raises: Any = (), name: str | None = None) -> Any:
    """A function of a protocol, with what its hints do not say. Type checkers then know `call_async` and `start`.

    `raises` is what the function refuses with, one type or a tuple of them: a class of exceptions is raised as it is,
    any other type in an `Err`. `name` is its name in WIT, where that is not the Python name with hyphens.
    """

    def declared(function: Any) -> Any:
        setattr(function, METHOD, Declared(raises if isinstance(raises, tuple) else (raises,), name))
        return function

    return declared if function is None else declared(function)


def interface(name: str, *, component: str | None = None) -> Callable[[type[T]], type[T]]:
    """Say which WIT interface a protocol class is: "demo:stock/shelves", or "" for the world's own functions.

    Without it a protocol is the interface of a component without WIT, `app:COMPONENT/api`. `component` is the name of
    the component that has it, by default the protocol's own name: `order-desk` for `OrderDesk`.
    """

    def named(protocol: type[T]) -> type[T]:
        setattr(protocol, _INTERFACE, (name, component))
        return protocol

    return named


def client(protocol: type[T], *, worker: str, component: str | None = None) -> T:
    """The worker called `worker` of the component that `protocol` describes. Nothing is called yet.

    `component` is its name, or its UUID on Golem, which `[tool.durable-dsl.components]` may know by the name. Raises
    TypeError where a hint of the protocol cannot cross.
    """
    name, interface = _described(protocol, component)
    return cast("T", _Client(protocol, Target(name, worker, interface)))


def register(protocol: type[Any], implementation: Any, *, component: str | None = None) -> AbstractContextManager[None]:
    """In plain Python: have calls through `protocol` answered by `implementation`, inside a `with` block.

    A class or a function is called once per worker, with its name if it takes an argument, and gives what answers for
    that worker; anything else answers for all of them. Values go through the same conversion as in a component.
    """
    name, _ = _described(protocol, component)
    if sys.platform == "wasi":
        raise RemoteError(name, "", "register", "denied", "only plain Python has stand-ins for other workers")
    from durable_dsl.remote.stand_in import StandIn

    return StandIn(name, implementation, compiled_methods(protocol))


def _described(protocol: type[Any], component: str | None) -> tuple[str, str]:
    """The component and the interface of a protocol."""
    interface, own = getattr(protocol, _INTERFACE, (None, None))
    name = component or own or kebab(protocol.__name__)
    return name, f"app:{name}/api" if interface is None else interface
