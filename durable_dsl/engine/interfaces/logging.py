"""wasi:logging: messages with a level, shown on stderr and recorded like other output: shown once, whatever happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.engine.interfaces.interface import Interface

if TYPE_CHECKING:
    from durable_dsl.engine.replay.host import Host

logging = Interface("wasi:logging/logging")
INTERFACES = (logging,)


@logging.plain("log")
def log(host: Host, level: str, context: str, message: str) -> None:
    output = host.output
    if output.live and output.record(host, level, context, message):
        output.release()
        where = f" {context}" if context else ""
        host.worker.engine.output(level, f"{level.upper()}{where}: {message}\n".encode())
