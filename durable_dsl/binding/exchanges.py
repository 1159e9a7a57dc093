"""What is open with somebody else: an HTTP exchange, a call of another worker.

The host records the end of an exchange when its resources are dropped. So they are dropped by hand, the last one first,
where every replay drops them too: never by the garbage collector, and never on the way of a failure. A server that
finds the end of an exchange in what a failure has left behind takes it for finished, and may do it twice. What an
exception leaves open, and what nobody refers to any more, is abandoned: it is closed before the next exchange begins,
or when the export returns. When the export fails, it is not closed at all: exchanges die with the instance.
"""

from __future__ import annotations

import sys
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol

from durable_dsl.binding.state import call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import FrameType

__all__ = ["Exchange", "close_abandoned", "close_exchanges", "let_go", "serve"]


class _Loop(Protocol):
    def wake(self, resource: object) -> None: ...


_numbers: Final = count()
_loop: _Loop | None = None

#: How far a finalizer may be from where an exchange is left: urllib3's response closes http.client's, that its stream.
_FRAMES: Final = 12


def serve(loop: _Loop) -> None:
    """Tell `loop` of resources that go while tasks wait for them; an event loop says so of itself when it runs."""
    global _loop  # noqa: PLW0603  (one loop runs at a time)
    _loop = loop


class Exchange:
    """The resources of the host that belong to one exchange. It is known to `call.exchanges` until it is closed."""

    def __init__(self) -> None:
        self._owned: list[Any] = []  # in order of acquisition; dropped in reverse
        self._number = next(_numbers)
        #: What was being handled when it began: that is no exception which leaves it open.
        self._handled = sys.exception()
        self.abandoned = False
        #: For requests: how it stands in the oplog, and the task that gives the pieces of its body.
        self.standing: str = "unrecorded"
        self.giver: object = None
        call.exchanges[self._number] = self

    def own(self, resource: Any) -> Any:
        """`resource`, which is dropped when the exchange is closed, if not before."""
        self._owned.append(resource)
        return resource

    def drop(self, resource: Any) -> None:
        """Drop `resource`, unless `close` has done so meanwhile."""
        if any(owned is resource for owned in self._owned):
            self.give(resource)
            let_go(resource)

    def give(self, resource: Any) -> Any:
        """`resource`, for a call that takes it away."""
        self._owned = [owned for owned in self._owned if owned is not resource]
        return resource

    def leave(self) -> None:
        """Close it now; on the way of an exception, which may be a failure, and in a finalizer close it later."""
        error = sys.exception()
        if (error is None or error is self._handled) and not _is_finalizing():
            self.close()
        else:
            self.abandoned = True

    def close(self) -> None:
        """Drop all that is left. Whoever has not read everything gets no more."""
        self._handled = None
        call.exchanges.pop(self._number, None)
        while self._owned:
            resource = self._owned.pop()
            if _loop is not None:
                _loop.wake(resource)
            let_go(resource)

    def settle(self) -> None:
        """Bring it to its end; only what is in the way of others has to know how."""
        raise NotImplementedError

    async def settle_with(self, wait: Callable[[Any], Awaitable[None]]) -> None:
        """The same, by waiting so."""
        raise NotImplementedError


def close_abandoned() -> None:
    """Close what exceptions that were handled have left open, and what nobody refers to, the last one first."""
    for exchange in reversed(list(call.exchanges.values())):
        if exchange.abandoned:
            exchange.close()


def close_exchanges() -> None:
    """Close everything that is still open, the last one first."""
    for exchange in reversed(list(call.exchanges.values())):
        exchange.close()


def _is_finalizing() -> bool:
    """Whether this is called because an object has gone: an exception that unwinds is not seen there."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - what calls leave()
    for _ in range(_FRAMES):
        if frame is None:
            return False
        # The finalizer of io's classes calls close(), and notes before that it does so.
        owner = frame.f_locals.get("self")
        if frame.f_code.co_name == "__del__" or getattr(owner, "__dict__", {}).get("_finalizing") is True:
            return True
        frame = frame.f_back
    return False


def let_go(resource: Any) -> None:
    """Drop a resource of the host."""
    resource.__exit__(None, None, None)
