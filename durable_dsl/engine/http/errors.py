"""What went wrong with a request, as an error-code of wasi:http in its Python form."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Any, TypeAlias

import h11

ErrorCode: TypeAlias = str | dict[str, Any]

_BY_NUMBER = {
    errno.ECONNREFUSED: "connection-refused",
    errno.ECONNRESET: "connection-terminated",
    errno.ECONNABORTED: "connection-terminated",
    errno.EPIPE: "connection-terminated",
    errno.ETIMEDOUT: "connection-timeout",
    errno.ENETUNREACH: "destination-IP-unroutable",
    errno.EHOSTUNREACH: "destination-IP-unroutable",
    errno.EADDRNOTAVAIL: "destination-IP-unroutable",
    errno.EACCES: "destination-IP-prohibited",
    errno.EPERM: "destination-IP-prohibited",
    errno.EMFILE: "connection-limit-reached",
    errno.ENFILE: "connection-limit-reached",
}
_NOT_FOUND = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})


class RequestFailed(Exception):  # noqa: N818 - WASI's word: a request failed with a code
    """The request failed with this code."""

    def __init__(self, code: ErrorCode) -> None:
        super().__init__(code)
        self.code = code


def error_code(error: Exception) -> ErrorCode:
    """The code for whatever ended an exchange."""
    match error:
        case RequestFailed(code=code):
            return code
        case socket.gaierror():
            rcode = "NXDOMAIN" if error.errno in _NOT_FOUND else error.strerror
            return {"DNS-error": {"rcode": rcode, "info-code": None}}
        case ssl.SSLCertVerificationError():
            return "TLS-certificate-error"
        case ssl.SSLError():
            return _tls_code(error)
        case OSError():
            return _BY_NUMBER.get(error.errno or 0, "connection-terminated")
        case h11.RemoteProtocolError():
            return _protocol_code(str(error))
        case h11.LocalProtocolError() if "Content-Length" in str(error):
            return {"HTTP-request-body-size": None}
        case _:
            return {"internal-error": f"{type(error).__name__}: {error}"}


def _tls_code(error: ssl.SSLError) -> ErrorCode:
    reason = error.reason or ""
    if "ALERT" in reason:
        return {"TLS-alert-received": {"alert-id": None, "alert-message": reason}}
    if "EOF" in reason or isinstance(error, ssl.SSLEOFError):
        return "connection-terminated"
    return "TLS-protocol-error"


def _protocol_code(text: str) -> ErrorCode:
    """What h11 found wrong with the response, which it says in words only."""
    if "without sending complete message" in text:
        return "HTTP-response-incomplete"
    if "too long" in text:
        return {"HTTP-response-header-section-size": None}
    return "HTTP-protocol-error"
