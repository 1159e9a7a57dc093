"""Takes the failure of a guest out of what it wrote on stderr, as its language's runtime prints it.

Python prints a traceback, perhaps several that are chained, perhaps an exception group; after it componentize-py's
runtime may print a Rust panic, which says nothing more. The last traceback group of the attempt is the failure, when
the guest ended by a trap. Rust guests print only a panic: then that is the message. So does componentize-py where a
value does not fit the WIT type that it goes out by; the exception stands in the panic's text then.

Guest paths look like `/1/orders.py`: the digit says which folder of the build it came from. The custom section of a
component that this package built maps them; in others the digit is left out. Frames of generated code and of this
package's own guest code are no business of the reader and left out.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_HEADER = re.compile(r"^(?P<margin>[ |+]*?)(?:  \+ Exception Group )?Traceback \(most recent call last\):$")
_GROUP_HEADER = "  + Exception Group Traceback (most recent call last):"
_FIRST_LINES = (
    "Traceback (most recent call last):", _GROUP_HEADER, "thread '", "panic: ", "fatal error: ",
    "Redirecting call to abort() to mozalloc_abort",
)  # fmt: skip
#: What stands above the frames of a JavaScript error, a line below its message.
JS_STACK = "Stack:"
_PANIC = re.compile(r"^(thread '.*' (\(\d+\) )?panicked at |note: run with `RUST_BACKTRACE)")
_IN_PANIC = re.compile(
    r"PyErr \{ type: <class '(?P<type>[\w.]+)'>, value: \w+\((?P<argument>.*)\), traceback: ", re.DOTALL
)
_DOES_NOT_FIT = "what the function returned, or gave to a host call, does not fit its WIT type"
_LINKS = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_FRAME = re.compile(r'^(?P<margin>[ |+]*?)  File "(?P<path>[^"]*)", line \d+')
#: The guest's own asyncio, whose frames stand between those of an async function and of what it awaits.
_EVENT_LOOP = "/python/asyncio/"
_GUEST_PATH = re.compile(r"^/(?P<root>\d+)/(?P<rest>.*)$")
_LAST = re.compile(r"^(?P<margin>[ |]*?)(?P<type>[\w.<>]+)(?:: (?P<message>.*))?$", re.DOTALL)

Roots = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class GuestError:
    """What failed. `rest` is what else stood in the text: output that is to be shown."""

    type: str
    message: str
    traceback: str
    rest: str = ""


def extract(text: str, roots: Roots | None = None) -> GuestError | None:
    """The failure in what a trapped guest wrote, or None if there is no traceback and no panic."""
    lines = text.splitlines()
    end = _end_of_traceback(lines)
    start = _start_of_last_group(lines[:end])
    if start is None:
        return _panic(lines)
    block = _clean(lines[start:end], roots)
    final = _last_exception(block)
    before = "\n".join(lines[:start])
    return GuestError(*final, "\n".join(block), before + "\n" if before.strip() else "")


def users_path(path: str, roots: Roots | None) -> str | None:
    """A guest path as its user knows it; None where it is of a library or generated."""
    guest = _GUEST_PATH.match(path)
    if guest is None or (roots or {}).get(guest["root"], {}).get("kind") == "vendored":
        return None
    return _shown_path(path, roots)


def begins_failure(line: str) -> bool:
    """Whether a line of output is the first of a failure's text."""
    return line.startswith(_FIRST_LINES) or line == JS_STACK


def may_begin_failure(line: str) -> bool:
    """Whether a line that is not yet whole may become the first of a failure's text."""
    return any(first.startswith(line) for first in (*_FIRST_LINES, JS_STACK))


def _end_of_traceback(lines: list[str]) -> int:
    """Where the last traceback's text ends: before the panic that follows it, or at the end."""
    end = len(lines)
    last_header = max((at for at, line in enumerate(lines) if _is_header(line)), default=None)
    if last_header is not None:
        end = next((at for at in range(last_header, len(lines)) if _PANIC.match(lines[at])), end)
    while end > 0 and not lines[end - 1].strip():
        end -= 1
    return end


def _is_header(line: str) -> bool:
    return line == _GROUP_HEADER or _HEADER.match(line) is not None


def _start_of_last_group(lines: list[str]) -> int | None:
    """The first line of the last traceback and of all that are chained to it."""
    tops = [at for at, line in enumerate(lines) if line == _GROUP_HEADER or line.startswith("Traceback (most")]
    if not tops:
        return None
    start = tops.pop()
    while tops and start >= 2 and _links_to(lines, start):
        start = tops.pop()
    return start


def _links_to(lines: list[str], header: int) -> bool:
    return any(lines[at].strip(" |") in _LINKS for at in range(max(0, header - 3), header))


def _clean(lines: list[str], roots: Roots | None) -> list[str]:
    """The block with the user's paths, without frames that are not the user's."""
    kept: list[str] = []
    dropping: str | None = None  # the margin of a frame that was left out
    for line in lines:
        frame = _FRAME.match(line)
        if frame is not None:
            shown = _shown_path(frame["path"], roots)
            dropping = frame["margin"] if shown is None else None
            if shown is not None:
                kept.append(line.replace(frame["path"], shown, 1))
        elif dropping is None or not line.startswith(f"{dropping}    "):  # not its source line or markers
            dropping = None
            kept.append(line)
    return kept


def _shown_path(path: str, roots: Roots | None) -> str | None:
    """How a guest path is shown; None if its frame is left out."""
    if path.startswith("<frozen "):
        return path
    if path.startswith(_EVENT_LOOP):
        return None
    guest = _GUEST_PATH.match(path)
    if guest is None:
        return path
    if roots is None:
        return guest["rest"]
    root = roots.get(guest["root"], {"kind": "generated"})
    if root["kind"] in {"generated", "support"}:
        return None
    folder = root.get("path", ".")
    return guest["rest"] if folder == "." else f"{folder}/{guest['rest']}"


def _last_exception(block: list[str]) -> tuple[str, str]:
    """Type and message of the exception that ended the program: the last one at the outer margin."""
    group = max((at for at, line in enumerate(block) if line == _GROUP_HEADER), default=None)
    plain = max((at for at, line in enumerate(block) if line.startswith("Traceback (most")), default=-1)
    margin = "  | " if group is not None and group > plain else ""
    top = group if margin and group is not None else plain
    for at in range(top + 1, len(block)):
        line = block[at]
        if not line.startswith(margin) or line[len(margin) :][:1] in {" ", ""}:
            continue
        rest = [line[len(margin) :]]
        for following in block[at + 1 :]:
            if margin and not following.startswith(margin):
                break
            rest.append(following[len(margin) :])
        found = _LAST.match("\n".join(rest))
        if found is not None:
            return found["type"], (found["message"] or "").strip()
        return "Exception", "\n".join(rest)
    return "Exception", ""


def _panic(lines: list[str]) -> GuestError | None:
    start = max((at for at, line in enumerate(lines) if line.startswith("thread '")), default=None)
    if start is None or not _PANIC.match(lines[start]):
        return None
    said = [line for line in lines[start + 1 :] if line.strip() and not _PANIC.match(line)]
    where = lines[start].partition("panicked at ")[2].rstrip(":")
    before = "\n".join(lines[:start])
    rest = before + "\n" if before else ""
    exception = _IN_PANIC.search("\n".join(said))
    if exception is not None:
        message = f"{_literal(exception['argument'])} ({_DOES_NOT_FIT})"
        return GuestError(exception["type"], message, f"{exception['type']}: {message}", rest)
    return GuestError("panic", "\n".join(said) or where, "\n".join(lines[start:]), rest)


def _literal(text: str) -> str:
    """The text that a Python literal stands for, or what was given if it is none."""
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text
