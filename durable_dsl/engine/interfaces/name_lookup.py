"""wasi:sockets/ip-name-lookup: for hosts that requests are allowed to; with any other the worker stops.

The whole answer is recorded.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.interfaces.poll import Pollable
from durable_dsl.engine.replay.durability import READ_REMOTE

if TYPE_CHECKING:
    from durable_dsl.engine.interfaces.sockets import Network
    from durable_dsl.engine.replay.host import Host

ip_name_lookup = Interface("wasi:sockets/ip-name-lookup")
INTERFACES = (ip_name_lookup,)

Outcome = dict[str, Any]
_TEMPORARY = socket.EAI_AGAIN
#: What a host may be called, and addresses. Nobody is asked for anything else, such as "(none)", a guest's own name.
_NAME = re.compile(r"[\w.:%-]+")


class Addresses:
    """The resource `resolve-address-stream`."""

    resource_kind = "resolve-address-stream"

    def __init__(self, addresses: list[str]) -> None:
        self._rest = list(reversed(addresses))

    def next(self) -> Outcome | None:
        return _wit_address(self._rest.pop()) if self._rest else None


def _wit_address(text: str) -> Outcome:
    address = ipaddress.ip_address(text)
    packed = address.packed
    if address.version == 4:
        return {"ipv4": tuple(packed)}
    return {"ipv6": tuple(int.from_bytes(packed[at : at + 2], "big") for at in range(0, 16, 2))}


def _stream(_host: Host, stored: Outcome, *_: object) -> Outcome:
    return {"ok": Addresses(stored["ok"])} if "ok" in stored else stored


def _require(host: Host, _network: Network, name: str) -> None:
    if _NAME.fullmatch(name):
        host.worker.permissions.require_lookup(name)


@ip_name_lookup.durable(
    "resolve-addresses",
    READ_REMOTE,
    "sockets::ip_name_lookup::resolve_addresses",
    request=lambda _network, name: name,
    permit=_require,
    finish=_stream,
)
def resolve_addresses(_host: Host, _network: Network, name: str) -> Outcome:
    if not _NAME.fullmatch(name):
        return {"err": "name-unresolvable"}
    try:
        found = socket.getaddrinfo(name.lower(), None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        return {"err": "temporary-resolver-failure" if error.errno == _TEMPORARY else "name-unresolvable"}
    except UnicodeError:
        return {"err": "invalid-argument"}
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    return {"ok": list(dict.fromkeys(addresses))}


@ip_name_lookup.plain("[method]resolve-address-stream.subscribe")
def subscribe(_host: Host, _addresses: Addresses) -> Pollable:
    return Pollable()


@ip_name_lookup.plain("[method]resolve-address-stream.resolve-next-address")
def resolve_next_address(_host: Host, addresses: Addresses) -> Outcome:
    return {"ok": addresses.next()}
