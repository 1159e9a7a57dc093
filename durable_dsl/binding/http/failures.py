"""Error codes of wasi:http as exceptions, with how far the request had come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import durable_http_host as host

from durable_dsl.errors import HttpConnectionError, HttpDenied, HttpError, HttpTimeout

if TYPE_CHECKING:
    from durable_dsl.binding.http.exchange import Asked

__all__ = ["failure"]

#: Code → the error, and the phase in which it comes up.
_KNOWN: Final[dict[type[Any], tuple[type[HttpError], str]]] = {
    host.ErrorCode_DnsTimeout: (HttpTimeout, "connect"),
    host.ErrorCode_ConnectionTimeout: (HttpTimeout, "connect"),
    host.ErrorCode_ConnectionReadTimeout: (HttpTimeout, "receive"),
    host.ErrorCode_ConnectionWriteTimeout: (HttpTimeout, "send"),
    host.ErrorCode_HttpResponseTimeout: (HttpTimeout, "receive"),
    host.ErrorCode_DnsError: (HttpConnectionError, "connect"),
    host.ErrorCode_DestinationNotFound: (HttpConnectionError, "connect"),
    host.ErrorCode_DestinationUnavailable: (HttpConnectionError, "connect"),
    host.ErrorCode_DestinationIpProhibited: (HttpConnectionError, "connect"),
    host.ErrorCode_DestinationIpUnroutable: (HttpConnectionError, "connect"),
    host.ErrorCode_ConnectionRefused: (HttpConnectionError, "connect"),
    host.ErrorCode_ConnectionLimitReached: (HttpConnectionError, "connect"),
    host.ErrorCode_ConnectionTerminated: (HttpConnectionError, "receive"),
    host.ErrorCode_HttpResponseIncomplete: (HttpConnectionError, "receive"),
    host.ErrorCode_TlsProtocolError: (HttpError, "tls"),
    host.ErrorCode_TlsCertificateError: (HttpError, "tls"),
    host.ErrorCode_TlsAlertReceived: (HttpError, "tls"),
    host.ErrorCode_HttpRequestDenied: (HttpDenied, "connect"),
    host.ErrorCode_HttpRequestBodySize: (HttpError, "send"),
    host.ErrorCode_HttpProtocolError: (HttpError, "receive"),
}


def failure(asked: Asked, code: Any) -> HttpError:
    """The exception for an error code."""
    kind, phase = _KNOWN.get(type(code), (HttpError, ""))
    error = kind(asked.method, asked.url, _reason(asked, kind, code))
    error.phase = phase
    return error


def _reason(asked: Asked, kind: type[HttpError], code: Any) -> str:
    if kind is HttpDenied:
        allow = asked.authority if asked.authority.rpartition(":")[2].isdigit() else _with_port(asked)
        return f"the host does not allow requests to {allow}; to allow it: durable-dsl run --allow-http {allow}"
    words = _words(code)
    return f"timed out ({words})" if kind is HttpTimeout else words


def _with_port(asked: Asked) -> str:
    return f"{asked.authority}:{443 if asked.scheme == 'https' else 80}"


def _words(code: Any) -> str:
    """`ErrorCode_ConnectionRefused` → `connection refused`, with what the host adds to it."""
    name = type(code).__name__.removeprefix("ErrorCode_")
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    detail = getattr(code, "value", None)
    return f"{words}: {detail}" if detail else words
