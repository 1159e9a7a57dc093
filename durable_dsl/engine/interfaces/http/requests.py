"""wasi:http/types: outgoing requests, their options and bodies. All of it is local, and rebuilt by replay."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.grants.granted import split_authority
from durable_dsl.engine.http.body import Pair, RequestBody
from durable_dsl.engine.interfaces.http.fields import TOKEN, Fields, http_types
from durable_dsl.engine.interfaces.streams import IoError, OutputStream, StreamFailed

if TYPE_CHECKING:
    from durable_dsl.engine.http.errors import ErrorCode
    from durable_dsl.engine.replay.host import Host

INTERFACES = (http_types,)

Outcome = dict[str, Any]
#: What may be written at once, as on Golem.
_PIECE = 1 << 20
_DONE: Outcome = {"ok": None}
_REFUSED: Outcome = {"err": None}
_TARGET = re.compile(r"[!-~]+")
_AUTHORITY = re.compile(r"[0-9A-Za-z._~%!$&'()*+,;=\-\[\]:]+")


class HttpError(IoError):
    """The resource `error` of a stream of a request's or a response's body; `http-error-code` gives its code."""

    def __init__(self, text: str, code: ErrorCode) -> None:
        super().__init__(text)
        self.http_code = code


class BodyFailed(StreamFailed):
    """An operation on a body's stream failed with this error-code."""

    def __init__(self, text: str, code: ErrorCode) -> None:
        super().__init__(text)
        self.error = HttpError(text, code)


class OutgoingRequest:
    """The resource `outgoing-request`."""

    resource_kind = "outgoing-request"

    def __init__(self, headers: Fields) -> None:
        self.headers = headers
        self.method: str | dict[str, str] = "get"
        self.target: str | None = None
        self.scheme: str | dict[str, str] | None = None
        self.authority: str | None = None
        self.body: OutgoingBody | None = None

    @property
    def method_text(self) -> str:
        return self.method.upper() if isinstance(self.method, str) else self.method["other"]


class OutgoingBody:
    """The resource `outgoing-body`. `declared` is the content-length that the guest has set, if it has.

    What is written is not in the oplog; replay compares its digest, over the bytes, in whatever pieces they come.
    """

    resource_kind = "outgoing-body"

    def __init__(self, headers: Fields) -> None:
        self.content = RequestBody()
        self.declared = _declared_length(headers)
        self.length = 0
        self.stream_given = False
        self._finished = False
        self._hash = hashlib.sha256()

    def add(self, data: bytes) -> None:
        """The guest has written this."""
        self.length += len(data)
        self._hash.update(data)
        self.content.write(data)

    def finish(self, trailers: tuple[Pair, ...]) -> None:
        """The guest has written all of it."""
        self._finished = True
        self.content.finish(trailers)

    @property
    def digest(self) -> dict[str, Any] | None:
        """What replay compares of it; None where it is empty, or the guest has not written all of it."""
        if not self._finished or not self.length:
            return None
        return {"length": self.length, "sha256": self._hash.hexdigest()}


class BodyWriter(OutputStream):
    """The stream of an outgoing body. It always has room, so that replay takes the same way."""

    def __init__(self, body: OutgoingBody) -> None:
        self._body = body

    def capacity(self, _host: Host) -> int:
        return _PIECE

    def write(self, host: Host, data: bytes) -> None:
        body = self._body
        if body.declared is not None and body.length + len(data) > body.declared:
            raise BodyFailed(f"more than the {body.declared} bytes of content-length", _body_size(body))
        if host.begins:  # it may leave at once
            host.log.commit()
        body.add(data)
        while True:
            changes = host.changes
            if not body.content.full:
                return
            host.wait(None, since=changes)


class RequestOptions:
    """The resource `request-options`: time-outs in nanoseconds."""

    resource_kind = "request-options"

    def __init__(self) -> None:
        self.timeouts: dict[str, int | None] = dict.fromkeys(PHASES)


PHASES = ("connect-timeout", "first-byte-timeout", "between-bytes-timeout")


def _declared_length(headers: Fields) -> int | None:
    values = headers.of("content-length")
    return int(values[0]) if values and values[0].strip().isdigit() else None


def _body_size(body: OutgoingBody) -> ErrorCode:
    return {"HTTP-request-body-size": body.declared}


# Requests


@http_types.plain("[constructor]outgoing-request")
def new_request(_host: Host, headers: Fields) -> OutgoingRequest:
    return OutgoingRequest(Fields(headers.pairs, mutable=False))


@http_types.plain("[method]outgoing-request.body")
def body_of(_host: Host, request: OutgoingRequest) -> Outcome:
    if request.body is not None:
        return _REFUSED
    request.body = OutgoingBody(request.headers)
    return {"ok": request.body}


@http_types.plain("[method]outgoing-request.method")
def method(_host: Host, request: OutgoingRequest) -> str | dict[str, str]:
    return request.method


@http_types.plain("[method]outgoing-request.set-method")
def set_method(_host: Host, request: OutgoingRequest, wanted: str | dict[str, str]) -> Outcome:
    if isinstance(wanted, dict) and not TOKEN.fullmatch(wanted["other"]):
        return _REFUSED
    request.method = wanted
    return _DONE


@http_types.plain("[method]outgoing-request.path-with-query")
def path_with_query(_host: Host, request: OutgoingRequest) -> str | None:
    return request.target


@http_types.plain("[method]outgoing-request.set-path-with-query")
def set_path_with_query(_host: Host, request: OutgoingRequest, wanted: str | None) -> Outcome:
    if wanted and not _TARGET.fullmatch(wanted):
        return _REFUSED
    request.target = wanted
    return _DONE


@http_types.plain("[method]outgoing-request.scheme")
def scheme(_host: Host, request: OutgoingRequest) -> str | dict[str, str] | None:
    return request.scheme


@http_types.plain("[method]outgoing-request.set-scheme")
def set_scheme(_host: Host, request: OutgoingRequest, wanted: str | dict[str, str] | None) -> Outcome:
    if isinstance(wanted, dict) and not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*", wanted["other"]):
        return _REFUSED
    request.scheme = wanted
    return _DONE


@http_types.plain("[method]outgoing-request.authority")
def authority(_host: Host, request: OutgoingRequest) -> str | None:
    return request.authority


@http_types.plain("[method]outgoing-request.set-authority")
def set_authority(_host: Host, request: OutgoingRequest, wanted: str | None) -> Outcome:
    if wanted is not None and not _is_authority(wanted):
        return _REFUSED
    request.authority = wanted
    return _DONE


def _is_authority(text: str) -> bool:
    """Host and port; a user name is not a part of it."""
    try:
        name, _ = split_authority(text)
    except UsageError:
        return False
    return bool(name) and bool(_AUTHORITY.fullmatch(text))


@http_types.plain("[method]outgoing-request.headers")
def headers(_host: Host, request: OutgoingRequest) -> Fields:
    return request.headers


# Options


@http_types.plain("[constructor]request-options")
def new_options(_host: Host) -> RequestOptions:
    return RequestOptions()


def _declare(phase: str) -> None:
    @http_types.plain(f"[method]request-options.{phase}")
    def get(_host: Host, options: RequestOptions) -> int | None:
        return options.timeouts[phase]

    @http_types.plain(f"[method]request-options.set-{phase}")
    def set_(_host: Host, options: RequestOptions, wanted: int | None) -> Outcome:
        options.timeouts[phase] = wanted
        return _DONE


for _phase in PHASES:
    _declare(_phase)


# Bodies


@http_types.plain("[method]outgoing-body.write")
def write(_host: Host, body: OutgoingBody) -> Outcome:
    if body.stream_given:
        return _REFUSED
    body.stream_given = True
    return {"ok": BodyWriter(body)}


@http_types.plain("[static]outgoing-body.finish")
def finish(_host: Host, body: OutgoingBody, trailers: Fields | None) -> Outcome:
    if body.declared is not None and body.length != body.declared:
        body.content.break_off()
        return {"err": _body_size(body)}
    body.finish(() if trailers is None else tuple(trailers.pairs))
    return _DONE


@http_types.plain("[resource-drop]outgoing-body")
def drop_body(_host: Host, body: OutgoingBody) -> None:
    body.content.break_off()
