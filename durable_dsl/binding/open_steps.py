"""The finished steps of open transactions, kept where a host can find them that ends the guest without a word.

A guest that is trapped by its host cannot print anything. The embedded engine looks for this buffer in the memory of
an instance: a cookie, the length of the text and its checksum, and the text, a line for each step. Nothing of it is a
host call, and no other host minds it. The cookie is turned round here, so that it stands nowhere else in the memory.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from durable_dsl.errors import NOT_UNDONE, OPEN_STEPS

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIZE: Final = 8192
_AT: Final = len(OPEN_STEPS)
_buffer: Final = bytearray(_SIZE)
_buffer[:_AT] = OPEN_STEPS[::-1]


def show(steps: Iterable[object]) -> None:
    """From now on these steps, newest first, are finished and not undone."""
    text = "\n".join(f"{NOT_UNDONE}{step}" for step in steps).encode()[: _SIZE - _AT - 8]
    _buffer[_AT + 8 : _AT + 8 + len(text)] = text
    _buffer[_AT : _AT + 8] = len(text).to_bytes(4, "little") + zlib.crc32(text).to_bytes(4, "little")
