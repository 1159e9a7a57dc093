"""wasi:io/streams and wasi:io/error: the functions of streams, over Python objects that read and write.

Streams are performed in replay too: what they carry is rebuilt (files) or leads nowhere (a body that was sent). A
stream whose reads must be recorded, such as an HTTP body, does that in its own `read`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.interfaces.poll import Pollable, durable_poll
from durable_dsl.engine.signals import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.replay.host import Host

Outcome = dict[str, Any]
CHUNK = 1 << 16
_MOST_ZEROES = 4096

error = Interface("wasi:io/error")
streams = Interface("wasi:io/streams")
INTERFACES = (error, streams)


class IoError:
    """The resource `error`: what a stream's last operation failed with. `code` is a file system's error code."""

    resource_kind = "error"

    def __init__(self, text: str, code: str | None = None) -> None:
        self.text = text
        self.code = code


class StreamClosed(Exception):  # noqa: N818 - the normal end of a stream
    """Nothing more can be read or written."""


class StreamFailed(Exception):  # noqa: N818 - WASI's word is an operation that failed
    """The operation failed with this error."""

    def __init__(self, text: str, code: str | None = None) -> None:
        super().__init__(text, code)
        self.error = IoError(text, code)


class InputStream:
    """Something the guest reads from."""

    resource_kind = "input-stream"

    def read(self, host: Host, length: int, /) -> bytes:
        """At most `length` bytes that are there now, perhaps none; raises StreamClosed at the end."""
        raise NotImplementedError

    def blocking_read(self, host: Host, length: int, /) -> bytes:
        return self.read(host, length)

    def skip(self, host: Host, length: int, /) -> int:
        return len(self.read(host, length))

    def blocking_skip(self, host: Host, length: int, /) -> int:
        return len(self.blocking_read(host, length))

    def subscribe(self) -> Pollable:
        return Pollable()

    def dropped(self, host: Host, /) -> None:
        """The guest has let go of it."""


class OutputStream:
    """Something the guest writes to."""

    resource_kind = "output-stream"

    def capacity(self, _host: Host, /) -> int:
        """How many bytes may be written now."""
        return CHUNK

    def write(self, host: Host, data: bytes, /) -> None:
        raise NotImplementedError

    def flush(self, host: Host, /) -> None:
        """Hand on what was written; by default there is nothing kept back."""

    def subscribe(self) -> Pollable:
        return Pollable()

    def dropped(self, host: Host, /) -> None:
        """The guest has let go of it."""


def outcome(operation: Callable[..., Any], *arguments: Any) -> Outcome:
    """The WIT result of an operation that raises `StreamClosed` or `StreamFailed`."""
    try:
        return {"ok": operation(*arguments)}
    except StreamClosed:
        return {"err": "closed"}
    except StreamFailed as failed:
        return {"err": {"last-operation-failed": failed.error}}


@error.plain("[method]error.to-debug-string")
def to_debug_string(_host: Host, failed: IoError) -> str:
    return failed.text


@streams.plain("[method]input-stream.read")
def read(host: Host, stream: InputStream, length: int) -> Outcome:
    return outcome(stream.read, host, length)


@streams.plain("[method]input-stream.blocking-read")
def blocking_read(host: Host, stream: InputStream, length: int) -> Outcome:
    return outcome(stream.blocking_read, host, length)


@streams.plain("[method]input-stream.skip")
def skip(host: Host, stream: InputStream, length: int) -> Outcome:
    return outcome(stream.skip, host, length)


@streams.plain("[method]input-stream.blocking-skip")
def blocking_skip(host: Host, stream: InputStream, length: int) -> Outcome:
    return outcome(stream.blocking_skip, host, length)


@streams.plain("[resource-drop]input-stream", "[resource-drop]output-stream")
def drop(host: Host, stream: InputStream | OutputStream) -> None:
    stream.dropped(host)


@streams.plain("[method]input-stream.subscribe", "[method]output-stream.subscribe")
def subscribe(_host: Host, stream: InputStream | OutputStream) -> Pollable:
    return stream.subscribe()


@streams.plain("[method]output-stream.check-write")
def check_write(host: Host, stream: OutputStream) -> Outcome:
    return outcome(stream.capacity, host)


@streams.plain("[method]output-stream.write")
def write(host: Host, stream: OutputStream, contents: bytes) -> Outcome:
    return outcome(stream.write, host, contents)


@streams.plain("[method]output-stream.blocking-write-and-flush")
def blocking_write_and_flush(host: Host, stream: OutputStream, contents: bytes) -> Outcome:
    return outcome(_write_all, host, stream, contents)


@streams.plain("[method]output-stream.flush", "[method]output-stream.blocking-flush")
def flush(host: Host, stream: OutputStream) -> Outcome:
    return outcome(stream.flush, host)


@streams.plain("[method]output-stream.write-zeroes")
def write_zeroes(host: Host, stream: OutputStream, length: int) -> Outcome:
    return outcome(_write_permitted_zeroes, host, stream, length)


@streams.plain("[method]output-stream.blocking-write-zeroes-and-flush")
def blocking_write_zeroes_and_flush(host: Host, stream: OutputStream, length: int) -> Outcome:
    if length > _MOST_ZEROES:
        raise Failure(f"{length} zeroes were to be written; WASI allows {_MOST_ZEROES} at once", "TooManyBytes")
    return outcome(_write_all, host, stream, bytes(length))


@streams.plain("[method]output-stream.splice")
def splice(host: Host, stream: OutputStream, source: InputStream, length: int) -> Outcome:
    return outcome(_splice, host, stream, source.read, length)


@streams.plain("[method]output-stream.blocking-splice")
def blocking_splice(host: Host, stream: OutputStream, source: InputStream, length: int) -> Outcome:
    return outcome(_splice, host, stream, source.blocking_read, length)


def _write_permitted_zeroes(host: Host, stream: OutputStream, length: int) -> None:
    permitted = stream.capacity(host)
    if length > permitted:
        raise Failure(f"{length} zeroes were to be written where {permitted} bytes may be", "TooManyBytes")
    stream.write(host, bytes(length))


def _write_all(host: Host, stream: OutputStream, contents: bytes) -> None:
    rest = memoryview(contents)
    while rest:
        room = stream.capacity(host)
        if room == 0:
            durable_poll(host, [stream.subscribe()])
            continue
        stream.write(host, bytes(rest[:room]))
        rest = rest[room:]
    stream.flush(host)


def _splice(host: Host, stream: OutputStream, read_from: Callable[[Host, int], bytes], length: int) -> int:
    data = read_from(host, min(length, stream.capacity(host)))
    stream.write(host, data)
    return len(data)
