"""Text that others wrote, as a terminal may have it: no character of it moves the cursor, rings, or hides what it is.

Control characters, and those that turn the direction of writing, are shown as Python escapes them. Newlines and tabs
stay where text has lines of its own, and are escaped where it is to stay on one.
"""

from __future__ import annotations

import codecs
import re

_TURNING = "\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_ACTIVE = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_TURNING}]")
_ON_A_LINE = re.compile(f"[\x00-\x1f\x7f-\x9f{_TURNING}]")
_COLORS = re.compile(r"(\x1b\[[0-9;]*m)")


def printable(text: str) -> str:
    """With lines and tabs."""
    return _ACTIVE.sub(_escaped, text)


def on_one_line(text: str) -> str:
    """For a cell of a table, a name in a message."""
    if text.isprintable():  # it is neither a control character nor turns anything
        return text
    return _ON_A_LINE.sub(_escaped, text)


def shortened(text: str, most: int = 200) -> str:
    """Its first line, and of that so many characters at most: for a message that is about something else."""
    line = text.partition("\n")[0]
    return line if len(line) <= most else f"{line[: most - 1]}…"


def printable_in_color(text: str) -> str:
    """As `printable`, but for sequences that set colours, which are our own."""
    return "".join(part if at % 2 else printable(part) for at, part in enumerate(_COLORS.split(text)))


def printable_json(text: str) -> str:
    """A JSON text with such characters as JSON escapes them; it means the same."""
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


class PrintableStream:
    """A stream of UTF-8 that comes in pieces, which may end within a character."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def piece(self, data: bytes) -> str:
        return printable(self._decoder.decode(data).replace("\r\n", "\n"))
