"""golem:rpc: calls that are to be made at a time, and taking them back.

The call and its entry are one transaction, as those of a call that nobody waits for. The callee is found, or made, and
the arguments are read at once, so that a call that cannot be made is a failure of whoever schedules it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.clock import LAST
from durable_dsl.engine.interfaces.rpc.calls import asked_of, rpc
from durable_dsl.engine.interfaces.rpc.prepared import Prepared, prepare
from durable_dsl.engine.remote import schedule as scheduled
from durable_dsl.engine.replay.durability import WRITE_REMOTE, durable
from durable_dsl.engine.signals import Failure

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.interfaces.rpc.calls import WasmRpc
    from durable_dsl.engine.interfaces.rpc.prepared import Asked
    from durable_dsl.engine.replay.host import Host

INTERFACES = (rpc,)

Datetime = dict[str, int]


class CancellationToken:
    """The resource `cancellation-token`: the number of a scheduled call."""

    resource_kind = "cancellation-token"

    def __init__(self, number: int) -> None:
        self.number = number


def _insert(
    _host: Host, connection: sqlite3.Connection, _asked: Asked, time: Datetime, prepared: Prepared | None
) -> int:
    assert prepared is not None
    due = min(time["seconds"] * 1_000_000_000 + time["nanoseconds"], LAST)
    return scheduled.insert(connection, prepared.callee.id, prepared.job(), due)


_schedule = durable(
    _insert,
    "golem::rpc::wasm-rpc::schedule_invocation",
    WRITE_REMOTE,
    request=lambda asked, time, _prepared: [*asked.request, time],
    finish=lambda _host, stored, *_: CancellationToken(stored),
    transaction=True,
)


def _ready(host: Host, asked: Asked) -> Prepared | None:
    """The call that is to be made; in replay it was."""
    if host.replaying:
        return None
    prepared = prepare(host, asked)
    if isinstance(prepared, Prepared):
        return prepared
    ((kind, reason),) = prepared["err"].items()
    raise Failure(f"the call of {asked.function} cannot be scheduled ({kind}): {reason}", "CannotSchedule")


@rpc.plain("[method]wasm-rpc.schedule-invocation", "[method]wasm-rpc.schedule-cancelable-invocation")
def schedule(host: Host, callee: WasmRpc, time: Datetime, function: str, params: list[Any]) -> CancellationToken:
    asked = asked_of(host, callee, function, params)
    return _schedule(host, asked, time, _ready(host, asked))  # type: ignore[no-any-return]


def _cancelled(_host: Host, connection: sqlite3.Connection, token: CancellationToken) -> bool:
    return scheduled.cancel(connection, token.number)


_cancel = durable(
    _cancelled,
    "golem::rpc::cancellation-token::cancel",
    WRITE_REMOTE,
    request=lambda token: token.number,
    transaction=True,
)
rpc.plain("[method]cancellation-token.cancel")(_cancel)
