"""Files below a directory of this machine: the world outside, so reads are recorded and writes not done again.

A handle that a recorded call returned is rebuilt in replay without opening anything; it is opened when the guest, live
again, uses it.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.filesystem.handles import (
    Descriptor,
    DirectoryEntries,
    FileInput,
    FileOutput,
    code_of,
)
from durable_dsl.engine.interfaces.streams import InputStream, OutputStream, StreamClosed, StreamFailed
from durable_dsl.engine.replay.durability import READ_REMOTE, WRITE_REMOTE, Implementation, durable

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.oplog.entries import FunctionType
    from durable_dsl.engine.replay.host import Host

_HANDLES = (Descriptor, InputStream, OutputStream, DirectoryEntries)


def outside_call(
    perform: Callable[..., Any], function: str, effect: FunctionType, makes: Callable[..., Any] | None
) -> Implementation:
    """The durable form of a file system function, for descriptors of a mount."""
    made: dict[int, Any] = {}  # what was opened live, until `finish` gives it to the guest

    def performed(host: Host, *arguments: Any) -> dict[str, Any]:
        try:
            value = perform(host, *arguments)
        except OSError as error:
            return {"err": code_of(error)}
        if not isinstance(value, _HANDLES):
            return {"ok": value}
        if isinstance(value, Descriptor):
            made[id(host)] = value
        return {"ok": value.entries if isinstance(value, DirectoryEntries) else None}

    def finish(host: Host, stored: dict[str, Any], *arguments: Any) -> dict[str, Any]:
        if makes is None or "err" in stored:
            return stored
        opened = made.pop(id(host), None)
        return {"ok": opened if opened is not None else makes(stored["ok"], *arguments)}

    name = f"filesystem::types::descriptor::{function}"
    return durable(performed, name, effect, request=_asked, finish=finish, permit=_permit)


def _permit(host: Host, *arguments: Any) -> None:
    for argument in arguments:
        if isinstance(argument, Descriptor) and argument.mount is not None:
            host.worker.permissions.require_dir(argument.mount)


def _permit_stream(host: Host, stream: OutsideInput | OutsideOutput, *_: Any) -> None:
    _permit(host, stream.descriptor)


def opened_outside(
    _stored: None, base: Descriptor, _follow: list[str], path: str, _how: list[str], flags: list[str]
) -> Descriptor:
    """The descriptor of a recorded `open-at`."""
    return Descriptor(None, flags, base.mount, path if base.path == "." else f"{base.path}/{path}")


def _asked(*arguments: Any) -> list[Any]:
    """What is recorded and compared of a call: descriptors by their path, bytes by length and checksum."""
    return [_shown(argument) for argument in arguments]


def _shown(argument: Any) -> Any:
    if isinstance(argument, Descriptor):
        assert argument.mount is not None or argument.path == "."
        return f"{argument.mount.guest if argument.mount else ''}/{argument.path}"
    if isinstance(argument, bytes):
        return {"length": len(argument), "crc32": zlib.crc32(argument)}
    return argument


class OutsideInput(InputStream):
    """Reads a file of a mount; each read is recorded."""

    def __init__(self, descriptor: Descriptor, offset: int) -> None:
        self.descriptor = descriptor
        self.offset = offset

    def read(self, host: Host, length: int) -> bytes:
        step = _read(host, self, length)
        if "err" in step:
            if step["err"] == "closed":
                raise StreamClosed
            raise StreamFailed(step["err"], step["err"])
        data: bytes = step["ok"]
        self.offset += len(data)
        return data


class OutsideOutput(OutputStream):
    """Writes a file of a mount, from an offset on or at its end; each write is recorded, and not done again."""

    def __init__(self, descriptor: Descriptor, offset: int | None) -> None:
        self.descriptor = descriptor
        self.offset = offset

    def write(self, host: Host, data: bytes) -> None:
        step = _write(host, self, data)
        if "err" in step:
            raise StreamFailed(step["err"], step["err"])
        if self.offset is not None:
            self.offset += len(data)


def _read_file(host: Host, stream: OutsideInput, length: int) -> dict[str, Any]:
    try:
        return {"ok": FileInput(stream.descriptor.file, stream.offset).read(host, length)}
    except StreamClosed:
        return {"err": "closed"}
    except StreamFailed as failed:
        return {"err": failed.error.code}
    except OSError as error:
        return {"err": code_of(error)}


def _write_file(host: Host, stream: OutsideOutput, data: bytes) -> dict[str, Any]:
    try:
        FileOutput(stream.descriptor.file, stream.offset).write(host, data)
    except StreamFailed as failed:
        return {"err": failed.error.code}
    except OSError as error:
        return {"err": code_of(error)}
    return {"ok": None}


_read = durable(
    _read_file,
    "filesystem::types::input_stream::read",
    READ_REMOTE,
    request=lambda stream, length: [_shown(stream.descriptor), stream.offset, length],
    permit=_permit_stream,
)
_write = durable(
    _write_file,
    "filesystem::types::output_stream::write",
    WRITE_REMOTE,
    request=lambda stream, data: [_shown(stream.descriptor), stream.offset, _shown(data)],
    permit=_permit_stream,
)
