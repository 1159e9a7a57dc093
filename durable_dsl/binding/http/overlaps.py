"""Which exchanges may be open at the same time, and what is done about one that is in the way.

At each restart a server of Golem 1.0 to 1.2 looks in the oplog for the end of every request, and gives up at the first
entry of another remote write: it takes a request that overlaps with another for unfinished, forgets all that came after
its beginning, and sends it again. Only a request under `non_idempotent` is looked for to the end. So one that may be
sent again begins when no other is open, and while it is, no other remote write is made; requests under `non_idempotent`
overlap among themselves. Nor does an atomic region begin while a request is open that may be sent again: if it ended
inside, and the region were done again, the server would find an end that is no longer there. So would it where an oplog
index is taken to come back to.

What is in the way is brought to its end: its response is read into memory, for whoever reads it later. `overlapping`
lifts all of this: the embedded engine judges each request by its own.
"""

from __future__ import annotations

import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Literal

from durable_dsl.binding.exchanges import close_abandoned
from durable_dsl.binding.state import call
from durable_dsl.policy import PersistenceLevel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from durable_dsl.binding.exchanges import Exchange

__all__ = ["Standing", "in_the_way", "overlapping", "settle", "standing"]

#: How an exchange stands in the oplog: looked for as long as nothing else comes, looked for to the end, or not at all.
Standing = Literal["searched", "marked", "unrecorded"]

#: Whether requests may overlap all the same; a child task starts with its parent's.
overlapping: Final[ContextVar[bool]] = ContextVar("durable_dsl_overlapping", default=False)

_mode: Callable[[], bool] | None = None
_level: Callable[[], Any] | None = None
_public: Callable[[Any], PersistenceLevel] | None = None

if sys.platform == "wasi":
    import durable_host

    from durable_dsl.binding import current

    # Not recorded, so they can be asked at any time; a component that sets neither need not ask.
    _mode = getattr(durable_host, "get_idempotence_mode", None)
    _level = getattr(durable_host, "get_oplog_persistence_level", None)
    _public = current.public_level


def standing() -> Standing:
    """How an exchange would stand that begins now."""
    if _level is not None and _public is not None and _public(_level()) is PersistenceLevel.PERSIST_NOTHING:
        return "unrecorded"
    return "searched" if _mode is None or _mode() else "marked"


def in_the_way(of: Standing | None) -> Iterator[Exchange]:
    """The requests that must end before one of that standing begins; for None, all of them.

    What nobody wants any more is closed before.
    """
    close_abandoned()
    if of == "unrecorded" or overlapping.get() or call.overlapping:
        return
    for exchange in list(call.exchanges.values()):
        if exchange.standing == "searched" or (exchange.standing == "marked" and of != "marked"):
            yield exchange


def settle(*, every: bool = False) -> None:
    """Bring to its end what is in the way of a remote write or an atomic region; with `every`, of an oplog index."""
    for exchange in in_the_way(None if every else "marked"):
        exchange.settle()


async def settle_async(wait: Callable[[Any], Awaitable[None]]) -> None:
    """As `settle()`; other tasks run meanwhile."""
    while (exchange := next(in_the_way("marked"), None)) is not None:
        await exchange.settle_with(wait)
