"""wasi:cli: environment, standard streams, terminals (there are none) and exit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.interfaces.streams import InputStream, OutputStream
from durable_dsl.engine.replay.durability import READ_LOCAL
from durable_dsl.engine.signals import Exit, Failure

if TYPE_CHECKING:
    from durable_dsl.engine.replay.host import Host

environment = Interface("wasi:cli/environment")
exit_ = Interface("wasi:cli/exit")
stdin = Interface("wasi:cli/stdin")
stdout = Interface("wasi:cli/stdout")
stderr = Interface("wasi:cli/stderr")
terminal_input = Interface("wasi:cli/terminal-input")
terminal_output = Interface("wasi:cli/terminal-output")
terminal_stdin = Interface("wasi:cli/terminal-stdin")
terminal_stdout = Interface("wasi:cli/terminal-stdout")
terminal_stderr = Interface("wasi:cli/terminal-stderr")
INTERFACES = (
    environment, exit_, stdin, stdout, stderr, terminal_input, terminal_output, terminal_stdin, terminal_stdout,
    terminal_stderr,
)  # fmt: skip


@environment.durable("get-environment", READ_LOCAL, "golem_environment::get_environment")
def get_environment(host: Host) -> list[tuple[str, str]]:
    return host.environment()


@environment.durable("get-arguments", READ_LOCAL, "golem_environment::get_arguments")
def get_arguments(host: Host) -> list[str]:
    return list(host.arguments)


@environment.durable("initial-cwd", READ_LOCAL, "golem_environment::get_arguments")
def initial_cwd(_host: Host) -> None:
    return None


@exit_.plain("exit")
def exit_with_result(_host: Host, status: dict[str, Any]) -> NoReturn:
    raise Exit(0 if "ok" in status else 1)


@exit_.plain("exit-with-code")
def exit_with_code(_host: Host, code: int) -> NoReturn:
    raise Exit(code)


_ALL = (1 << 31) - 1  # a number of bytes in every guest's own size


class NoInput(InputStream):
    """A worker has no standard input."""

    def read(self, _host: Host, _length: int) -> bytes:
        raise Failure("a worker has no standard input: pass data as arguments", "StdinDisabled")


class GuestWrites(OutputStream):
    """Standard output or standard error: recorded as `log` entries, shown as it comes.

    All is taken at once: Python writes there without a buffer, and drops what one write has not taken.
    """

    def __init__(self, level: str) -> None:
        self.level = level

    def capacity(self, _host: Host, /) -> int:
        return _ALL

    def write(self, host: Host, data: bytes) -> None:
        host.output.write(host, self.level, data)


@stdin.plain("get-stdin")
def get_stdin(_host: Host) -> NoInput:
    return NoInput()


@stdout.plain("get-stdout")
def get_stdout(_host: Host) -> GuestWrites:
    return GuestWrites("stdout")


@stderr.plain("get-stderr")
def get_stderr(_host: Host) -> GuestWrites:
    return GuestWrites("stderr")


def _no_terminal(_host: Host) -> None:
    return None


terminal_stdin.plain("get-terminal-stdin")(_no_terminal)
terminal_stdout.plain("get-terminal-stdout")(_no_terminal)
terminal_stderr.plain("get-terminal-stderr")(_no_terminal)
