"""Custom sections of a component file, found by walking its top-level sections without parsing them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.engine.traps import ComponentFault

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"\0asm"
_HEADER = 8  # magic, version and layer
_CUSTOM = 0


def custom_section(content: bytes, name: str, path: Path) -> bytes | None:
    """The contents of the first top-level custom section of that name in the content of the file `path`, or None.

    What is not WebAssembly binary (WebAssembly text can be run too) has none; where the sections do not fit into it,
    that is a `ComponentFault`.
    """
    if content[:4] != _MAGIC:
        return None
    try:
        return _find(content, name.encode())
    except IndexError:
        raise ComponentFault(f"{path}: the file ends in the middle of a section; build it again") from None


def _find(data: bytes, name: bytes) -> bytes | None:
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


def _leb128(data: bytes, position: int) -> tuple[int, int]:
    """An unsigned LEB128 number and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
