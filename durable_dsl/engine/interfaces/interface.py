"""How a host interface is declared: its WIT name, its functions, and which of them are durable.

    wall_clock = Interface("wasi:clocks/wall-clock")

    @wall_clock.durable("now", READ_LOCAL, "wall_clock::now")
    def now(host): ...

Implementations get the calling instance's `Host` first, then the WIT arguments in their Python form, and return the
Python form of the result. Resources are plain Python objects; a method's first argument is the object itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.replay.durability import Implementation, durable

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.entries import FunctionType

Decorator = Callable[[Implementation], Implementation]


class Interface:
    """One host interface, under its name without version; the versions of one major number share it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.functions: dict[str, Implementation] = {}

    def plain(self, *functions: str) -> Decorator:
        """Declare functions that are performed in replay too: deterministic, or without effect."""

        def declare(perform: Implementation) -> Implementation:
            for function in functions:
                self.functions[function] = perform
            return perform

        return declare

    def durable(
        self,
        function: str,
        function_type: FunctionType,
        stored: str,
        *,
        request: Callable[..., Any] | None = None,
        formerly: Callable[..., Any] | None = None,
        finish: Implementation | None = None,
        commit: bool = False,
        transaction: bool = False,
        permit: Callable[..., None] | None = None,
    ) -> Decorator:
        """Declare a function whose results come from the oplog in replay (see `durability.durable`)."""

        def declare(perform: Implementation) -> Implementation:
            call = durable(
                perform,
                stored,
                function_type,
                request=request,
                formerly=formerly,
                finish=finish,
                commit=commit,
                transaction=transaction,
                permit=permit,
            )
            self.functions[function] = call
            return call

        return declare
