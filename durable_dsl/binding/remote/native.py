"""Calls of other workers in plain Python: there are none, so a test says what answers in their place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from durable_dsl.binding.native import note
from durable_dsl.errors import RemoteError

if TYPE_CHECKING:
    from durable_dsl.binding.remote.calls import Nodes, Target

__all__ = ["Answering", "answering", "call", "call_async", "start"]


class Answering(Protocol):
    """What answers for a component."""

    def answer(self, worker: str, function: str, params: list[Nodes]) -> Nodes: ...
    async def answer_async(self, worker: str, function: str, params: list[Nodes]) -> Nodes: ...


#: Component → what answers for it, the last one being in force.
answering: Final[dict[str, list[Answering]]] = {}


def call(target: Target, function: str, params: list[Nodes]) -> Nodes:
    """Call, and wait for the result."""
    answer = _of(target, function).answer(target.worker, function, params)
    note("invoke-and-await", (target.component, target.worker, function), None)
    return answer


async def call_async(target: Target, function: str, params: list[Nodes]) -> Nodes:
    """The same; other tasks run meanwhile."""
    note("async-invoke-and-await", (target.component, target.worker, function), None)
    return await _of(target, function).answer_async(target.worker, function, params)


def start(target: Target, function: str, params: list[Nodes]) -> None:
    """Called at once, and to the end: whoever starts a call in a component cannot tell. Its errors are warned of."""
    found = _of(target, function)
    note("invoke", (target.component, target.worker, function), None)
    try:
        found.answer(target.worker, function, params)
    except RemoteError as error:
        import warnings

        warnings.warn(f"a call that nobody waits for failed: {error}", RuntimeWarning, stacklevel=3)


def call_itself(function: str, params: list[Nodes]) -> None:
    """A test sees one round; what would be called next, and with what, is in the trace."""
    note("continue-as-new", (function, params), None)


def _of(target: Target, function: str) -> Answering:
    found = answering.get(target.component)
    if not found:
        reason = "there are no other workers in plain Python: say what answers, with remote.register(Protocol, …)"
        raise RemoteError(target.component, target.worker, function, "not-found", reason)
    return found[-1]
