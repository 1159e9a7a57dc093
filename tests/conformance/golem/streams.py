"""wasi:io: polling, and the functions of streams over Python objects that read and write.

A poll is recorded when it returns. Where nothing but timers is waited for and the first is far away, the call ends the
instance instead and is not recorded. Streams are performed in replay too; those of responses record their reads.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tests.conformance.golem.host import offers
from tests.conformance.golem.signals import Failed, Hung, Suspended

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.golem.host import Host

POLL, STREAMS, ERROR = "wasi:io/poll", "wasi:io/streams", "wasi:io/error"
SUSPENDS_FROM = 10_000_000_000
#: The most that is written by one blocking call.
_MOST = 4096
#: How long the network is waited for before a test is told that nothing comes.
PATIENCE = 60.0


class Pollable:
    """Ready at once; the base of others."""

    resource_kind = "pollable"
    deadline: int | None = None

    def ready(self, _host: Host) -> bool:
        return True


class Timer(Pollable):
    def __init__(self, deadline: int) -> None:
        self.deadline = deadline

    def ready(self, host: Host) -> bool:
        return host.clock.now() >= (self.deadline or 0)


class When(Pollable):
    """Ready when a condition holds that `Host.notify` tells of."""

    def __init__(self, holds: Callable[[], bool]) -> None:
        self._holds = holds

    def ready(self, _host: Host) -> bool:
        return self._holds()


class IoError:
    """The resource `error`."""

    resource_kind = "error"

    def __init__(self, text: str) -> None:
        self.text = text


class ClosedError(Exception):
    """The normal end of a stream."""


class BrokenError(Exception):
    """The operation failed."""


def wait_until(host: Host, holds: Callable[[], bool], what: str) -> None:
    """Wait for the network, in real time."""
    with host.news:
        if not host.news.wait_for(holds, PATIENCE):
            raise Hung(what)


@offers(POLL, "poll")
def poll(host: Host, pollables: list[Pollable]) -> list[int]:
    return list(host.call("golem io::poll::poll", lambda: _wait(host, pollables)))


@offers(POLL, "[method]pollable.block")
def block(host: Host, pollable: Pollable) -> None:
    poll(host, [pollable])


@offers(POLL, "[method]pollable.ready")
def ready(host: Host, pollable: Pollable) -> bool:
    return pollable.ready(host)


def _wait(host: Host, pollables: list[Pollable]) -> list[int]:
    if not pollables:
        raise Failed("poll was called with nothing to wait for")
    deadlines = [pollable.deadline for pollable in pollables if pollable.deadline is not None]
    patience = time.monotonic() + PATIENCE
    while True:
        with host.news:
            found = [at for at, pollable in enumerate(pollables) if pollable.ready(host)]
            if found:
                return found
            if len(deadlines) < len(pollables):
                if time.monotonic() > patience:
                    raise Hung("poll: nothing that is waited for comes")
                left = [(deadline - host.clock.now()) / 1e9 for deadline in deadlines]
                host.news.wait(min([1.0, *left]))
                continue
        first = min(deadlines)
        if first - host.clock.now() >= SUSPENDS_FROM:
            raise Suspended(first)
        host.clock.skip_to(first)


class InputStream:
    """Something that the guest reads from; `name` is what its functions are recorded under, if they are."""

    resource_kind = "input-stream"

    def read(self, host: Host, length: int, name: str) -> bytes:
        raise NotImplementedError

    def dropped(self, host: Host) -> None:
        """The guest has let go of it."""

    def subscribe(self) -> Pollable:
        return Pollable()


class OutputStream:
    """Something that the guest writes to."""

    resource_kind = "output-stream"

    def room(self, _host: Host) -> int:
        return 1 << 16

    def write(self, host: Host, data: bytes) -> None:
        raise NotImplementedError

    def flush(self, host: Host) -> None:
        """There is nothing kept back."""

    def wait_for_room(self, host: Host) -> int:
        """Wait as a blocking call does: nothing of it is recorded."""
        return self.room(host)

    def dropped(self, host: Host) -> None:
        """The guest has let go of it."""

    def subscribe(self) -> Pollable:
        return Pollable()


def outcome(operation: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """The WIT result of an operation."""
    try:
        return {"ok": operation(*arguments)}
    except ClosedError:
        return {"err": "closed"}
    except BrokenError as broken:
        return {"err": {"last-operation-failed": IoError(str(broken))}}


for _name in ("read", "blocking-read"):

    @offers(STREAMS, f"[method]input-stream.{_name}")
    def read(host: Host, stream: InputStream, length: int, *, _name: str = _name) -> dict[str, Any]:
        return outcome(stream.read, host, length, _name)


@offers(STREAMS, "[resource-drop]input-stream", "[resource-drop]output-stream")
def drop(host: Host, stream: InputStream | OutputStream) -> None:
    stream.dropped(host)


@offers(STREAMS, "[method]input-stream.subscribe", "[method]output-stream.subscribe")
def subscribe(_host: Host, stream: InputStream | OutputStream) -> Pollable:
    return stream.subscribe()


@offers(STREAMS, "[method]output-stream.check-write")
def check_write(host: Host, stream: OutputStream) -> dict[str, Any]:
    return outcome(stream.room, host)


@offers(STREAMS, "[method]output-stream.write")
def write(host: Host, stream: OutputStream, data: bytes) -> dict[str, Any]:
    return outcome(stream.write, host, data)


@offers(STREAMS, "[method]output-stream.flush")
def flush(host: Host, stream: OutputStream) -> dict[str, Any]:
    return outcome(stream.flush, host)


@offers(STREAMS, "[method]output-stream.blocking-flush")
def blocking_flush(host: Host, stream: OutputStream) -> dict[str, Any]:
    def flushed() -> None:
        stream.flush(host)
        stream.wait_for_room(host)

    return outcome(flushed)


@offers(STREAMS, "[method]output-stream.blocking-write-and-flush")
def blocking_write_and_flush(host: Host, stream: OutputStream, data: bytes) -> dict[str, Any]:
    if len(data) > _MOST:
        raise Failed(f"blocking-write-and-flush of {len(data)} bytes; {_MOST} is the most")

    def written() -> None:
        rest = data
        while rest:
            room = stream.wait_for_room(host)
            stream.write(host, rest[:room])
            rest = rest[room:]
        stream.flush(host)
        stream.wait_for_room(host)

    return outcome(written)


@offers(ERROR, "[method]error.to-debug-string")
def to_debug_string(_host: Host, error: IoError) -> str:
    return error.text
