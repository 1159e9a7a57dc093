"""What verbs print, and how: results on stdout, everything else on stderr.

Colour and live drawing are for terminals only and respect NO_COLOR (https://no-color.org). Nothing here imports
more than the standard library, for each command pays this module's import.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from durable_dsl.printable import on_one_line, printable, printable_in_color, printable_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Exit statuses of every verb.
OK, FAULT, USAGE, GUEST_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

_BOLD_RED = "\x1b[1;31m"
_BOLD = "\x1b[1m"
_RESET = "\x1b[0m"


class CommandError(Exception):
    """An error that the user can act on: printed as one message without a traceback, or as JSON on stdout.

    `status` is the exit status of the command: 1 for a fault in the input, component or data, 2 for usage, 3 for a
    failure of the guest. `error` is the member of that name in the JSON form, where it is more than message and hint;
    `facts` are members beside it.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        status: int = FAULT,
        *,
        error: Mapping[str, object] | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, hint, status)
        self.message = message
        self.hint = hint
        self.status = status
        self.error = error
        self.facts = facts or {}

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message

    def as_json(self) -> dict[str, object]:
        """`{"error": {"type", "message", "traceback", "hint"}, …}`; the type is the guest's, `Usage` or `Fault`."""
        own = {"type": "Usage" if self.status == USAGE else "Fault", "message": self.message, "traceback": ""}
        return {"error": {**own, "hint": self.hint, **(self.error or {})}, **self.facts}


class OutputError(Exception):
    """What is printed cannot be written: the disk is full, or the reader is gone."""


def is_terminal(stream: TextIO) -> bool:
    """Whether a person is likely to be looking at `stream`."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def color_enabled(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`: a terminal, and NO_COLOR unset or empty."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def out(text: str, end: str = "\n") -> None:
    """Print a result on stdout. Raises OutputError where it cannot be written, as on a full disk."""
    try:
        _print(text, sys.stdout, end)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror) from error


def note(text: str) -> None:
    """Print anything that is not a result on stderr. Where that cannot be, nobody is there to be told."""
    with suppress(OSError):
        _print(text, sys.stderr)


def _print(text: str, stream: TextIO, end: str = "\n") -> None:
    """In the encoding of the stream; what it lacks, and what does more than print, as Python escapes it."""
    encoding = stream.encoding or "utf-8"
    text = printable_in_color(text) if color_enabled(stream) else printable(text)
    print(text.encode(encoding, "backslashreplace").decode(encoding), end=end, file=stream, flush=True)


def error(message: str, hint: str = "") -> None:
    """Print an error on stderr, its hint indented below."""
    label = f"{_BOLD_RED}error:{_RESET}" if color_enabled(sys.stderr) else "error:"
    note(f"{label} {printable(message)}")
    for line in hint.splitlines():
        note(f"  {printable(line)}")


def print_json(value: object) -> None:
    """Print `value` as one JSON document on stdout."""
    out(json_text(value, indent=2))


def json_text(value: object, indent: int | None = None) -> str:
    """`value` as JSON that stdout can take whatever its encoding is."""
    unicode = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    return printable_json(json.dumps(value, ensure_ascii=not unicode, indent=indent))


def table(rows: Iterable[Sequence[object]], headers: Sequence[str]) -> str:
    """Rows as aligned columns under their headers, two spaces between columns, no trailing blanks."""
    cells = [[on_one_line(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    form = "  ".join(f"{{:<{width}}}" for width in widths).format

    def text(line: Sequence[str]) -> str:
        return form(*line).rstrip()

    head = text(headers)
    if color_enabled(sys.stdout):
        head = f"{_BOLD}{head}{_RESET}"
    return "\n".join([head, *(text(line) for line in cells)])
