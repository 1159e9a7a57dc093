"""The Python stack of a guest that is in a host call, read out of its memory.

CPython describes its own data structures to debuggers that look from outside: a table of offsets, found by a cookie,
at the head of its runtime state. So no help of the guest is needed, and nothing is changed in it. The linear memory of
an instance is found among the mappings of this process, where the system shows them. Everything here is best effort:
another guest language, another version of CPython or another system give no frames.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_MAPS = Path("/proc/self/maps")
_MEMORY = "/proc/self/mem"
_PIECE = 1 << 20
_COOKIE = b"xdebugpy"
_VERSION = 0x030E  # CPython 3.14, whose table this is
_SEARCHED = 1 << 26  # static data stands at the beginning of a memory
_DEEPEST = 200
_INTERPRETER_FRAMES = 3  # owners from here on are frames without Python code

#: Position of an offset in the table, in words of eight bytes.
_INTERPRETERS, _THREADS, _CURRENT = 5, 9, 26
_PREVIOUS, _EXECUTABLE, _INSTRUCTION, _OWNER = 32, 33, 34, 36
_FILE, _QUALNAME, _LINES, _FIRST_LINE, _CODE = 40, 42, 43, 44, 48
_BYTES_SIZE, _BYTES = 75, 76
_TEXT_STATE, _TEXT_LENGTH, _ASCII = 78, 79, 80
_WORDS = 81
_LONGER_HEAD = 8

#: Kinds of entries in a table of lines.
_SHORT, _ONE_LINE, _NO_COLUMNS, _LONG, _NOWHERE = 10, 13, 13, 14, 15


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of guest code. `path` is the guest's."""

    path: str
    line: int
    function: str


def memories() -> frozenset[int]:
    """Where the linear memories of this process begin that may be of Python guests."""
    return frozenset(_mapped())


def frames(start: int) -> list[Frame]:
    """The frames of the guest whose memory begins at `start`, innermost first; none where there is no Python."""
    end = _mapped().get(start)
    if end is None:
        return []
    try:
        with _Memory(start, end) as memory:
            at = _table(memory)
            return [] if at is None else list(_walk(memory, at))
    except (OSError, struct.error, UnicodeDecodeError, IndexError):  # not what it looked like
        return []


def contents(start: int) -> bytes:
    """What stands in the memory that begins at `start`, as far as it is there."""
    end = _mapped().get(start)
    if end is None:
        return b""
    try:
        with _Memory(start, end) as memory:
            return memory.head(end - start)
    except OSError:
        return b""


class _Memory:
    """A piece of this process's memory. Another thread may give parts of it back: reading these fails, and no more."""

    def __init__(self, start: int, end: int) -> None:
        self._start = start
        self._size = end - start
        self._file = os.open(_MEMORY, os.O_RDONLY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def read(self, at: int, count: int) -> bytes:
        """Exactly so many bytes; IndexError where there are none."""
        if not 0 <= at <= at + count <= self._size:
            raise IndexError(at)
        data = os.pread(self._file, count, self._start + at)
        if len(data) < count:
            raise IndexError(at)
        return data

    def head(self, count: int) -> bytes:
        """The first `count` bytes, or as many as there are."""
        found = bytearray()
        while len(found) < min(count, self._size):
            try:
                found += self.read(len(found), min(_PIECE, self._size - len(found)))
            except (OSError, IndexError):
                break
        return bytes(found[:count])


def _mapped() -> dict[int, int]:
    """Start and end of runs of writable mappings that hold the initial data of a component."""
    try:
        text = _MAPS.read_text()
    except OSError:  # another system
        return {}
    runs: list[list[int]] = []
    held: dict[int, int] = {}
    image = False
    for line in text.splitlines():
        fields = line.split(None, 5)
        if not fields[1].startswith("rw-p"):
            continue
        first, last = (int(part, 16) for part in fields[0].split("-"))
        if not runs or runs[-1][1] != first:
            runs.append([first, last])
            image = False
        runs[-1][1] = last
        name = fields[5] if len(fields) > 5 else ""
        image = image or name.endswith(".cwasm") or name.startswith("/memfd:wasm")
        if image:
            held[runs[-1][0]] = last
    return held


def _table(memory: _Memory) -> int | None:
    for at in tuple(_found_at):
        if _is_table(memory, at):
            return at
    data = memory.head(_SEARCHED)
    at = data.find(_COOKIE)
    while at >= 0:
        if _is_table(memory, at):
            _found_at.add(at)
            return at
        at = data.find(_COOKIE, at + 1)
    return None


#: Where tables were: in all instances of a component at the same place.
_found_at: set[int] = set()


def _is_table(memory: _Memory, at: int) -> bool:
    head = memory.read(at, 16)
    return head.startswith(_COOKIE) and int.from_bytes(head[8:], "little") >> 16 == _VERSION


class _Reader:
    """Reads pointers and objects of a 32-bit guest."""

    def __init__(self, memory: _Memory, table: int) -> None:
        self._memory = memory
        self.offsets = struct.unpack(f"<{_WORDS}Q", memory.read(table, 8 * _WORDS))

    def pointer(self, at: int, offset: int) -> int:
        return int.from_bytes(self._memory.read(at + self.offsets[offset], 4), "little")

    def byte(self, at: int, offset: int) -> int:
        return self._memory.read(at + self.offsets[offset], 1)[0]

    def bytes(self, at: int) -> bytes:
        return self._memory.read(at + self.offsets[_BYTES], self.pointer(at, _BYTES_SIZE))

    def text(self, at: int) -> str:
        state = self.pointer(at, _TEXT_STATE)
        kind, ascii_only = state >> 2 & 7, state >> 6 & 1
        # Where not all is ASCII, the text stands behind a longer head.
        start = at + self.offsets[_ASCII] + (0 if ascii_only else _LONGER_HEAD)
        data = self._memory.read(start, self.pointer(at, _TEXT_LENGTH) * kind)
        return data.decode({1: "latin-1", 2: "utf-16-le", 4: "utf-32-le"}.get(kind, "latin-1"))


def _walk(memory: _Memory, table: int) -> list[Frame]:
    reader = _Reader(memory, table)
    interpreter = reader.pointer(table, _INTERPRETERS)
    frame = reader.pointer(reader.pointer(interpreter, _THREADS), _CURRENT) if interpreter else 0
    found: list[Frame] = []
    seen = 0
    while frame and seen < _DEEPEST:
        seen += 1
        if reader.byte(frame, _OWNER) < _INTERPRETER_FRAMES:
            code = reader.pointer(frame, _EXECUTABLE) & ~3  # the low bits are a tag
            unit = (reader.pointer(frame, _INSTRUCTION) - code - reader.offsets[_CODE]) // 2
            first = reader.pointer(code, _FIRST_LINE)
            line = line_of(reader.bytes(reader.pointer(code, _LINES)), first, unit)
            if line is not None:
                path = reader.text(reader.pointer(code, _FILE))
                name = reader.text(reader.pointer(code, _QUALNAME))
                found.append(Frame(path, line, name.rpartition(".")[2]))
        frame = reader.pointer(frame, _PREVIOUS)
    return found


def line_of(table: bytes, first: int, unit: int) -> int | None:
    """The line of an instruction, by its position, out of a code object's table of lines."""
    line, begin, at = first, 0, 0
    while at < len(table):
        head = table[at]
        at += 1
        kind, length = head >> 3 & 15, (head & 7) + 1
        here: int | None = None
        if kind != _NOWHERE:
            if kind < _SHORT:
                at += 1
            elif kind < _ONE_LINE:
                line += kind - _SHORT
                at += 2
            else:
                delta, at = _number(table, at)
                line += -(delta >> 1) if delta & 1 else delta >> 1
                if kind == _LONG:
                    for _ in range(3):
                        _, at = _number(table, at)
            here = line
        if begin <= unit < begin + length:
            return here
        begin += length
    return None


def _number(table: bytes, at: int) -> tuple[int, int]:
    """A number of six bits a byte, least significant first."""
    value = shift = 0
    while True:
        byte = table[at]
        at += 1
        value |= (byte & 63) << shift
        shift += 6
        if not byte & 64:
            return value, at
