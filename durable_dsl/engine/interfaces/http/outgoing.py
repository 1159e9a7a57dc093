"""wasi:http/outgoing-handler: a request is handed over, which begins a batch, and goes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.grants.granted import split_authority
from durable_dsl.engine.http.exchange import DEFAULT_SECONDS, Request
from durable_dsl.engine.interfaces.http.bodies import was_all
from durable_dsl.engine.interfaces.http.requests import PHASES, OutgoingRequest, RequestOptions
from durable_dsl.engine.interfaces.http.responses import FutureResponse
from durable_dsl.engine.interfaces.http.sending import Sending, permit
from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.oplog import text
from durable_dsl.engine.replay.batches import open_batch

if TYPE_CHECKING:
    from durable_dsl.engine.replay.host import Host

outgoing_handler = Interface("wasi:http/outgoing-handler")
INTERFACES = (outgoing_handler,)

_HANDLE = "http::outgoing_handler::handle"
_PORTS = {"HTTP": 80, "HTTPS": 443}


@outgoing_handler.plain("handle")
def handle(host: Host, made: OutgoingRequest, options: RequestOptions | None) -> dict[str, Any]:
    """What is wrong with the request in itself is told here, and nothing is recorded; all else comes with `get`."""
    scheme = made.scheme or "HTTPS"
    if not isinstance(scheme, str):
        return {"err": "HTTP-protocol-error"}
    if not made.authority:
        return {"err": "HTTP-request-URI-invalid"}
    if made.method == "connect":
        return {"err": "HTTP-request-method-invalid"}
    name, port = split_authority(made.authority)
    timeouts = {phase: _seconds(options, phase) for phase in PHASES}
    request = Request(
        made.method_text,
        name,
        port or _PORTS[scheme],
        made.authority,
        made.target or "/",
        scheme == "HTTPS",
        tuple(made.headers.pairs),
        made.body.content if made.body is not None else None,
        timeouts["connect-timeout"],
        timeouts["first-byte-timeout"],
        timeouts["between-bytes-timeout"],
    )
    summary = {"method": request.method, "uri": f"{scheme.lower()}://{made.authority}{request.target}"}
    if not host.replaying:
        host.check_signal()
        permit(host, request, summary["uri"])
    batch = open_batch(host, _HANDLE, text.encode({**summary, "headers": made.headers.texts()}), was_all)
    return {"ok": FutureResponse(Sending(host, batch, request, summary, made.body))}


def _seconds(options: RequestOptions | None, phase: str) -> float:
    wanted = None if options is None else options.timeouts[phase]
    return DEFAULT_SECONDS if wanted is None else wanted / 1e9
