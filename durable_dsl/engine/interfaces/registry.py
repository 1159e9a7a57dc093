"""Which module answers which interface. Modules are imported when a component needs them: start-up time counts."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from durable_dsl.engine.interfaces.interface import Interface
    from durable_dsl.engine.replay.durability import Implementation

_MODULES = {
    "wasi:clocks/wall-clock": "clocks",
    "wasi:clocks/monotonic-clock": "clocks",
    "wasi:random/random": "random",
    "wasi:random/insecure": "random",
    "wasi:random/insecure-seed": "random",
    "wasi:cli/environment": "cli",
    "wasi:cli/exit": "cli",
    "wasi:cli/stdin": "cli",
    "wasi:cli/stdout": "cli",
    "wasi:cli/stderr": "cli",
    "wasi:cli/terminal-input": "cli",
    "wasi:cli/terminal-output": "cli",
    "wasi:cli/terminal-stdin": "cli",
    "wasi:cli/terminal-stdout": "cli",
    "wasi:cli/terminal-stderr": "cli",
    "wasi:io/error": "streams",
    "wasi:io/streams": "streams",
    "wasi:io/poll": "poll",
    "wasi:filesystem/types": "filesystem.descriptors",
    "wasi:filesystem/preopens": "filesystem.descriptors",
    "wasi:sockets/network": "sockets",
    "wasi:sockets/instance-network": "sockets",
    "wasi:sockets/ip-name-lookup": "name_lookup",
    "wasi:sockets/tcp": "sockets",
    "wasi:sockets/tcp-create-socket": "sockets",
    "wasi:sockets/udp": "sockets",
    "wasi:sockets/udp-create-socket": "sockets",
    "wasi:http/types": "http.fields http.requests http.responses http.bodies",
    "wasi:http/outgoing-handler": "http.outgoing",
    "wasi:keyvalue/wasi-keyvalue-error": "storage.keyvalue",
    "wasi:keyvalue/types": "storage.keyvalue",
    "wasi:keyvalue/eventual": "storage.keyvalue",
    "wasi:keyvalue/eventual-batch": "storage.keyvalue",
    "wasi:keyvalue/atomic": "storage.refused",
    "wasi:keyvalue/cache": "storage.refused",
    "wasi:blobstore/types": "storage.containers",
    "wasi:blobstore/blobstore": "storage.containers",
    "wasi:blobstore/container": "storage.objects",
    "wasi:logging/logging": "logging",
    "golem:rpc/types": "rpc.calls rpc.schedule",
    "golem:api/oplog": "golem.oplog_reader",
    "golem:api/host": "golem.host golem.promises golem.workers golem.fork",
}


@cache
def interface_named(name: str) -> Interface | None:
    """The implementation of the interface `name` (without version), if this engine has one.

    Where an interface has several modules, the first declares it and the others add functions.
    """
    if name not in _MODULES:
        return None
    modules = [import_module(f"durable_dsl.engine.interfaces.{module}") for module in _MODULES[name].split()]
    offered: list[Interface] = [interface for module in modules for interface in module.INTERFACES]
    return next(interface for interface in offered if interface.name == name)


def lookup(interface: str, function: str, version: str) -> Implementation | None:
    """The implementation of one function, drops of resources included; None where there is none.

    A function whose types differ between versions is declared once more as `function@0.2`, with the older version.
    """
    found = interface_named(interface)
    if found is None:
        return None
    older = found.functions.get(f"{function}@{'.'.join(version.split('.')[:2])}")
    return older or found.functions.get(function)
