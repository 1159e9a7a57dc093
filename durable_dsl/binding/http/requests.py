"""requests and urllib3 on the host's HTTP, by urllib3's own connections: pools, retries, redirects and errors stay."""

from __future__ import annotations

from typing import Any

from durable_dsl.binding.http.stdlib import Wire
from durable_dsl.errors import HttpError, HttpInvalid, HttpTimeout

__all__ = ["install_requests", "install_urllib3"]


def install_urllib3(connection: Any, exceptions: Any) -> None:
    """Make the connections of urllib3 wires; the arguments are its modules of these names."""

    def wire(self: Any, scheme: str) -> Wire:
        if self._tunnel_host:
            raise exceptions.ProxyError("a component has no proxies", OSError("the host makes its connections"))
        return Wire(scheme, self.host, self.port, self.timeout, lambda error: translated(self, error))

    def translated(self: Any, error: HttpError) -> Exception:
        """What makes urllib3 see that nothing was sent, so that its retries count as they do elsewhere."""
        if isinstance(error, HttpInvalid):
            kind = exceptions.InvalidHeader if error.part == "header" else exceptions.ProtocolError
            return kind(str(error))  # type: ignore[no-any-return]
        if error.phase == "tls":
            return exceptions.SSLError(str(error))  # type: ignore[no-any-return]
        if error.phase == "connect":
            kind = exceptions.ConnectTimeoutError if isinstance(error, HttpTimeout) else exceptions.NewConnectionError
            return kind(self, str(error))  # type: ignore[no-any-return]
        return error

    def new_connection(self: Any) -> Wire:
        return wire(self, "http")

    def connect_tls(self: Any) -> None:
        self.sock = wire(self, "https")
        self.is_verified = True  # by the host
        self.proxy_is_verified = None

    connection.HTTPConnection._new_conn = new_connection  # noqa: SLF001 - where urllib3 itself makes its sockets
    connection.HTTPSConnection.connect = connect_tls


def install_requests(adapters: Any) -> None:
    """Let requests' adapters do without files of certificates; `adapters` is its module of that name."""

    def cert_verify(_self: Any, _connection: Any, url: str, _verify: Any, cert: Any) -> None:
        if cert:
            raise OSError(f"{url}: a component has no client certificates: TLS is the host's")

    adapters.HTTPAdapter.cert_verify = cert_verify
