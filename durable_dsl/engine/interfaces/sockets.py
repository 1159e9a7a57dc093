"""wasi:sockets: refused. A guest gets `access-denied` where it asks for a socket, which language runtimes report as
"permission denied"; whoever runs the engine is told why. Looking names up is `name_lookup`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.interface import Interface

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.replay.host import Host

network = Interface("wasi:sockets/network")
instance_network = Interface("wasi:sockets/instance-network")
tcp = Interface("wasi:sockets/tcp")
tcp_create_socket = Interface("wasi:sockets/tcp-create-socket")
udp = Interface("wasi:sockets/udp")
udp_create_socket = Interface("wasi:sockets/udp-create-socket")
INTERFACES = (network, instance_network, tcp, tcp_create_socket, udp, udp_create_socket)

_DENIED = {"err": "access-denied"}
_WHY = "refused: a {} socket: workers have none\n  HTTP goes by wasi:http, to the hosts that --allow-http names"


class Network:
    """The resource `network`: a right to use the network, which here is none."""

    resource_kind = "network"


@instance_network.plain("instance-network")
def get_network(_host: Host) -> Network:
    return Network()


def _refusing(protocol: str) -> Callable[..., dict[str, str]]:
    def refuse(host: Host, *_arguments: Any) -> dict[str, str]:
        if not host.replaying:
            host.worker.engine.tell_once(_WHY.format(protocol))
        return _DENIED

    return refuse


tcp_create_socket.plain("create-tcp-socket")(_refusing("TCP"))
udp_create_socket.plain("create-udp-socket")(_refusing("UDP"))
