"""wasi:sockets: refused. A guest gets `access-denied` where it asks for a socket, which language runtimes report as
"permission denied". Looking names up is `name_lookup`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.interface import Interface

if TYPE_CHECKING:
    from durable_dsl.engine.host import Host

network = Interface("wasi:sockets/network")
instance_network = Interface("wasi:sockets/instance-network")
tcp = Interface("wasi:sockets/tcp")
tcp_create_socket = Interface("wasi:sockets/tcp-create-socket")
udp = Interface("wasi:sockets/udp")
udp_create_socket = Interface("wasi:sockets/udp-create-socket")
INTERFACES = (network, instance_network, tcp, tcp_create_socket, udp, udp_create_socket)

_DENIED = {"err": "access-denied"}


class Network:
    """The resource `network`: a right to use the network, which here is none."""

    resource_kind = "network"


@instance_network.plain("instance-network")
def get_network(_host: Host) -> Network:
    return Network()


def _denied(_host: Host, *_arguments: Any) -> dict[str, str]:
    return _DENIED


tcp_create_socket.plain("create-tcp-socket")(_denied)
udp_create_socket.plain("create-udp-socket")(_denied)
