"""Custom sections of a component: one appended at its end, and one looked up by name.

A component binary is a header of eight bytes and then sections: a byte for the kind, a length, the content. A custom
section, kind 0, begins with its name; anybody may append one, and what runs components ignores it. Reading jumps from
section to section, so it costs nothing for large components.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

__all__ = ["append_section", "append_sections", "read_section", "replacing"]

_MAGIC = b"\0asm"
_HEADER_SIZE = 8
_CUSTOM = 0


class NotWasm(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """The file is not a WebAssembly binary, or it ends in the middle of a section."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place at the end; after a failure nothing is left of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):  # a build that was killed
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
    handle, part = _part_of(path)
    try:
        yield part
        # A temporary file is private; what a build leaves has the permissions that any new file gets.
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
        os.close(handle)


def _part_of(path: Path) -> tuple[int, Path]:
    """A new file whose lock is held; another build may have removed one that was not locked yet."""
    while True:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with contextlib.suppress(OSError):  # no locks here, or taken by who removes it
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if Path(name).exists():
            return handle, Path(name)
        os.close(handle)


def append_section(component: Path, name: str, payload: bytes) -> None:
    """Append a custom section to a component, so that a reader sees the old file or the new one, never a part."""
    append_sections(component, {name: payload})


def append_sections(component: Path, sections: Mapping[str, bytes]) -> None:
    """Append several, by name, at once."""
    contents = [_unsigned(len(name.encode())) + name.encode() + payload for name, payload in sections.items()]
    with component.open("rb") as source:
        _check_header(source)
    with replacing(component) as part:
        shutil.copyfile(component, part)
        with part.open("ab") as file:
            file.writelines(bytes([_CUSTOM]) + _unsigned(len(content)) + content for content in contents)


def read_section(component: Path, name: str) -> bytes | None:
    """The content of the last custom section of that name; None if there is none."""
    found: bytes | None = None
    size = component.stat().st_size
    wanted = name.encode()
    with component.open("rb") as source:
        _check_header(source)
        while kind := source.read(1):
            length = _read_unsigned(source)
            end = source.tell() + length
            if end > size:
                raise NotWasm(f"{component} ends in the middle of a section")
            if kind[0] == _CUSTOM:
                name_length = _read_unsigned(source)
                if name_length == len(wanted) and source.read(name_length) == wanted:
                    found = source.read(end - source.tell())
            source.seek(end)
    return found


def _check_header(source: BinaryIO) -> None:
    header = source.read(_HEADER_SIZE)
    if len(header) != _HEADER_SIZE or not header.startswith(_MAGIC):
        raise NotWasm(f"{source.name} is not a WebAssembly binary")


def _unsigned(number: int) -> bytes:
    """LEB128, WebAssembly's way to write a number."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_unsigned(source: BinaryIO) -> int:
    number = shift = 0
    while True:
        byte = source.read(1)
        if not byte:
            raise NotWasm(f"{source.name} ends in the middle of a section")
        number |= (byte[0] & 0x7F) << shift
        if not byte[0] & 0x80:
            return number
        shift += 7
