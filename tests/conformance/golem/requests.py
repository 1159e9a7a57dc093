"""wasi:http: fields, and requests until they are handed over. All of it is local, and rebuilt by replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.conformance.golem.bodies import ABORTED, FINISHED, BodyWriter, Channel
from tests.conformance.golem.host import offers

if TYPE_CHECKING:
    from tests.conformance.golem.host import Host

TYPES = "wasi:http/types"
DONE: dict[str, Any] = {"ok": None}


class Fields:
    """The resource `fields`."""

    resource_kind = "fields"

    def __init__(self, pairs: list[tuple[str, bytes]]) -> None:
        self.pairs = [(name, bytes(value)) for name, value in pairs]

    def of(self, name: str) -> list[bytes]:
        return [value for key, value in self.pairs if key.lower() == name.lower()]


class Request:
    """The resource `outgoing-request`."""

    resource_kind = "outgoing-request"

    def __init__(self, headers: Fields) -> None:
        self.headers = headers
        self.said: dict[str, Any] = {"method": "get", "path-with-query": None, "scheme": None, "authority": None}
        self.body: Channel | None = None

    @property
    def method(self) -> str:
        given = self.said["method"]
        return given.upper() if isinstance(given, str) else given["other"]


class Body:
    """The resource `outgoing-body`."""

    resource_kind = "outgoing-body"

    def __init__(self, channel: Channel) -> None:
        self.channel = channel


class Options:
    """The resource `request-options`; this host has no time-outs."""

    resource_kind = "request-options"


@offers(TYPES, "[constructor]fields")
def new_fields(_host: Host) -> Fields:
    return Fields([])


@offers(TYPES, "[static]fields.from-list")
def from_list(_host: Host, pairs: list[tuple[str, bytes]]) -> dict[str, Fields]:
    return {"ok": Fields(pairs)}


@offers(TYPES, "[method]fields.get")
def get(_host: Host, fields: Fields, name: str) -> list[bytes]:
    return fields.of(name)


@offers(TYPES, "[method]fields.append")
def append(_host: Host, fields: Fields, name: str, value: bytes) -> dict[str, Any]:
    fields.pairs.append((name, bytes(value)))
    return DONE


@offers(TYPES, "[method]fields.entries")
def entries(_host: Host, fields: Fields) -> list[tuple[str, bytes]]:
    return list(fields.pairs)


@offers(TYPES, "[constructor]outgoing-request")
def new_request(_host: Host, headers: Fields) -> Request:
    return Request(headers)


for _word in ("method", "path-with-query", "scheme", "authority"):

    @offers(TYPES, f"[method]outgoing-request.set-{_word}")
    def say(_host: Host, request: Request, value: Any, *, _word: str = _word) -> dict[str, Any]:
        request.said[_word] = value
        return DONE


@offers(TYPES, "[method]outgoing-request.body")
def body_of(_host: Host, request: Request) -> dict[str, Any]:
    if request.body is not None:
        return {"err": None}
    lengths = request.headers.of("content-length")
    request.body = Channel(int(lengths[0]) if lengths else None)
    return {"ok": Body(request.body)}


@offers(TYPES, "[method]outgoing-body.write")
def write(_host: Host, body: Body) -> dict[str, Any]:
    return {"ok": BodyWriter(body.channel)}


@offers(TYPES, "[static]outgoing-body.finish")
def finish(_host: Host, body: Body, _trailers: Fields | None) -> dict[str, Any]:
    channel = body.channel
    if channel.declared is not None and channel.written != channel.declared:
        channel.finish(ABORTED)
        return {"err": {"HTTP-request-body-size": channel.written}}
    channel.finish(FINISHED)
    return DONE


@offers(TYPES, "[resource-drop]outgoing-body")
def drop_body(_host: Host, body: Body) -> None:
    body.channel.finish(ABORTED)


@offers(TYPES, "[constructor]request-options")
def new_options(_host: Host) -> Options:
    return Options()


@offers(
    TYPES, *(f"[method]request-options.set-{phase}-timeout" for phase in ("connect", "first-byte", "between-bytes"))
)
def set_timeout(_host: Host, _options: Options, _wanted: int | None) -> dict[str, Any]:
    return DONE
