"""wasi: what a worker has of its own. An empty private directory stands for the file system."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

from tests.conformance.golem.host import offers
from tests.conformance.golem.signals import Exited, Failed
from tests.conformance.golem.streams import InputStream, OutputStream, Timer

if TYPE_CHECKING:
    from tests.conformance.golem.host import Host

_SECOND = 1_000_000_000
WALL, MONOTONIC = "wasi:clocks/wall-clock", "wasi:clocks/monotonic-clock"
ENVIRONMENT, PREOPENS, FILES = "wasi:cli/environment", "wasi:filesystem/preopens", "wasi:filesystem/types"


@offers(WALL, "now")
def wall_now(host: Host) -> dict[str, int]:
    now = host.call("wall_clock::now", host.clock.now)
    return {"seconds": now // _SECOND, "nanoseconds": now % _SECOND}


@offers(WALL, "resolution")
def wall_resolution(host: Host) -> dict[str, int]:
    return dict(host.call("wall_clock::resolution", lambda: {"seconds": 0, "nanoseconds": 1}))


@offers(MONOTONIC, "now")
def monotonic_now(host: Host) -> int:
    return int(host.call("monotonic_clock::now", host.clock.now))


@offers(MONOTONIC, "resolution")
def monotonic_resolution(host: Host) -> int:
    return int(host.call("monotonic_clock::resolution", lambda: 1))


@offers(MONOTONIC, "subscribe-duration")
def subscribe_duration(host: Host, duration: int) -> Timer:
    """What is recorded is the start, under the name of the clock's `now`, and it is on disk before the guest waits."""
    start = host.call("monotonic_clock::now", host.clock.now)
    if host.live:
        host.oplog.commit()
    return Timer(start + duration)


@offers(MONOTONIC, "subscribe-instant")
def subscribe_instant(_host: Host, when: int) -> Timer:
    return Timer(when)


@offers("wasi:random/random", "get-random-bytes")
def random_bytes(host: Host, length: int) -> bytes:
    return bytes(host.call("golem random::get_random_bytes", lambda: os.urandom(length)))


@offers("wasi:random/random", "get-random-u64")
def random_u64(host: Host) -> int:
    return int(host.call("golem random::get_random_u64", _u64))


@offers("wasi:random/insecure", "get-insecure-random-bytes")
def insecure_bytes(host: Host, length: int) -> bytes:
    return bytes(host.call("golem random::insecure::get_insecure_random_bytes", lambda: os.urandom(length)))


@offers("wasi:random/insecure", "get-insecure-random-u64")
def insecure_u64(host: Host) -> int:
    return int(host.call("golem random::insecure::get_insecure_random_u64", _u64))


@offers("wasi:random/insecure-seed", "insecure-seed")
def insecure_seed(host: Host) -> list[int]:
    return list(host.call("golem random::insecure_seed::insecure_seed", lambda: [_u64(), _u64()]))


def _u64() -> int:
    return int.from_bytes(os.urandom(8), "little")


@offers(ENVIRONMENT, "get-environment")
def get_environment(host: Host) -> list[tuple[str, str]]:
    return list(host.call("golem_environment::get_environment", lambda: list(host.environment.items())))


@offers(ENVIRONMENT, "get-arguments")
def get_arguments(host: Host) -> list[str]:
    return list(host.call("golem_environment::get_arguments", list))


@offers(ENVIRONMENT, "initial-cwd")
def initial_cwd(host: Host) -> None:
    host.call("golem_environment::get_arguments", lambda: None)


@offers("wasi:cli/exit", "exit", "exit-with-code")
def exit_(_host: Host, _status: Any) -> NoReturn:
    raise Exited


class NoInput(InputStream):
    def read(self, host: Host, length: int, name: str) -> bytes:
        raise Failed("standard input is disabled")


class Terminal(OutputStream):
    """Standard output or error: log entries, in live mode only."""

    def __init__(self, level: str) -> None:
        self._level = level

    def write(self, host: Host, data: bytes) -> None:
        host.write_output(self._level, bytes(data))


@offers("wasi:cli/stdin", "get-stdin")
def get_stdin(_host: Host) -> NoInput:
    return NoInput()


@offers("wasi:cli/stdout", "get-stdout")
def get_stdout(_host: Host) -> Terminal:
    return Terminal("stdout")


@offers("wasi:cli/stderr", "get-stderr")
def get_stderr(_host: Host) -> Terminal:
    return Terminal("stderr")


for _name in ("stdin", "stdout", "stderr"):

    @offers(f"wasi:cli/terminal-{_name}", f"get-terminal-{_name}")
    def no_terminal(_host: Host) -> None:
        return None


class Directory:
    """The resource `descriptor`: a directory with nothing in it."""

    resource_kind = "descriptor"


@offers(PREOPENS, "get-directories")
def get_directories(host: Host) -> list[tuple[Directory, str]]:
    names = host.call("cli::preopens::get_directories", lambda: ["/", "."])
    return [(Directory(), name) for name in names]


@offers(FILES, *(f"[method]descriptor.{name}-at" for name in ("open", "stat", "metadata-hash", "readlink")))
def nothing_there(_host: Host, _directory: Directory, *_: Any) -> dict[str, str]:
    """An error is returned as it is and not recorded."""
    return {"err": "no-entry"}


@offers(FILES, "[method]descriptor.get-type")
def get_type(_host: Host, _directory: Directory) -> dict[str, str]:
    return {"ok": "directory"}


@offers(FILES, "[method]descriptor.get-flags")
def get_flags(_host: Host, _directory: Directory) -> dict[str, list[str]]:
    return {"ok": ["read", "mutate-directory"]}
