"""Custom sections of a component file, found by walking its top-level sections without parsing them."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from durable_dsl.engine.bridge_errors import ComponentFault

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"\0asm"
_HEADER = 8  # magic, version and layer
_CUSTOM = 0


def custom_section(path: Path, name: str) -> bytes | None:
    """The contents of the first top-level custom section of that name, or None.

    A file that is not WebAssembly binary (WebAssembly text can be run too) has none; one whose sections do not fit
    into it is a `ComponentFault`.
    """
    with path.open("rb") as file:
        if file.read(4) != _MAGIC:
            return None
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return _find(data, name.encode())
            except IndexError:
                raise ComponentFault(f"{path}: the file ends in the middle of a section; build it again") from None


def _find(data: mmap.mmap, name: bytes) -> bytes | None:
    position = _HEADER
    while position < len(data):
        kind = data[position]
        size, start = _leb128(data, position + 1)
        position = start + size
        if position > len(data):
            raise IndexError(position)
        if kind == _CUSTOM:
            length, begin = _leb128(data, start)
            if data[begin : begin + length] == name:
                return data[begin + length : position]
    return None


def _leb128(data: mmap.mmap, position: int) -> tuple[int, int]:
    """An unsigned LEB128 number and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
