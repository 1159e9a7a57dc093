"""What a component tells the embedded engine, in calls that mean nothing to any other host.

Golem's interfaces have no place for, say, the type of a promise, and a component must import nothing that Golem does
not have. So a text goes out as a row of instants of 1970 and 1971 that the guest subscribes to and lets go of. Every
host has that function, none records it, and a time long past is harmless everywhere.

The first instant has the text's length and its CRC-32; the others have six bytes each. A text that was told before is
told again by its first instant alone.
"""

from __future__ import annotations

import zlib

__all__ = ["CONTINUED", "Listener", "instants"]

#: Told by an invocation that has the worker call itself next, and begin there.
CONTINUED = b"continue-as-new"

_HEAD, _PIECE = 0x7D << 48, 0x7E << 48
_LOW = (1 << 48) - 1
_SIZE = 6
_LONGEST = (1 << 16) - 1


def instants(text: bytes) -> list[int]:
    """The instants that tell `text`; one that is too long is not told."""
    text = text if len(text) <= _LONGEST else b""
    pieces = [text[at : at + _SIZE] for at in range(0, len(text), _SIZE)]
    return [_head(text), *(_PIECE | int.from_bytes(piece.ljust(_SIZE, b"\0"), "little") for piece in pieces)]


class Listener:
    """Puts together what one instance tells."""

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        self._head = 0
        self._pieces = bytearray()
        #: Whether the invocation has told `CONTINUED`.
        self.continued = False

    def hear(self, instant: int) -> None:
        """One that the guest subscribes to; most are times."""
        if instant & ~_LOW == _HEAD:
            self._head = instant
            self._pieces.clear()
            self._look()
        elif instant & ~_LOW == _PIECE and self._head:
            self._pieces += (instant & _LOW).to_bytes(_SIZE, "little")
            text = bytes(self._pieces[: (self._head & _LOW) >> 32])
            if _head(text) == self._head:
                self._known[self._head] = text
                self._look()

    def _look(self) -> None:
        """What is no description of what comes next counts at once."""
        if self._known.get(self._head) == CONTINUED:
            self._head = 0
            self.continued = True

    def take(self) -> bytes | None:
        """What was told last, once."""
        head, self._head = self._head, 0
        return self._known.get(head)


def _head(text: bytes) -> int:
    return _HEAD | len(text) << 32 | zlib.crc32(text)
