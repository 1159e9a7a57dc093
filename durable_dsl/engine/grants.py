"""What guests may reach of the world outside: nothing, but for what is given here.

`HOST[:PORT]` allows requests to that host, on any port where none is given; `*.example.com` its subdomains, `*` all.
`HOST::GUEST[:ro]` shows the guest a directory of this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class HttpGrant:
    """One allowed authority."""

    host: str
    port: int | None

    @staticmethod
    def parse(text: str) -> HttpGrant:
        host, port = split_authority(text)
        if not host or "/" in text:
            raise UsageError(
                f"expected HOST or HOST:PORT, got {text!r}", "for example --allow-http api.example.com:443"
            )
        return HttpGrant(host, port)

    def allows(self, host: str, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        return self.host in {"*", host} or (self.host.startswith("*.") and host.endswith(self.host[1:]))


def split_authority(text: str) -> tuple[str, int | None]:
    """Host in lower case and port; raises UsageError for a port that is none."""
    host, colon, port = text.strip().rpartition(":")
    if not colon or port.endswith("]"):  # no port; an IPv6 address stands in brackets
        host, port = text.strip(), ""
    if port and not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise UsageError(f"{port!r} is no port in {text!r}")
    return host.removeprefix("[").removesuffix("]").lower(), int(port) if port else None


@dataclass(frozen=True, slots=True)
class DirGrant:
    """A directory of this machine and where the guest sees it."""

    path: Path
    guest: str
    read_only: bool

    @staticmethod
    def parse(text: str) -> DirGrant:
        host, separator, guest = text.partition("::")
        read_only = guest.endswith(":ro")
        guest = guest.removesuffix(":ro")
        if not separator or not host or not guest.startswith("/") or guest == "/":
            raise UsageError(f"expected HOST::GUEST[:ro], got {text!r}", "for example --dir ./invoices::/invoices:ro")
        path = Path(host).resolve()
        if not path.is_dir():
            raise UsageError(f"{host} is not a directory")
        return DirGrant(path, guest, read_only)


class Grants:
    """All that is allowed."""

    def __init__(self, allow_http: Iterable[str] = (), dirs: Iterable[str] = ()) -> None:
        self.http = tuple(HttpGrant.parse(text) for text in allow_http)
        self.dirs = tuple(DirGrant.parse(text) for text in dirs)

    def allow_http(self, host: str, port: int) -> bool:
        return any(grant.allows(host, port) for grant in self.http)
