"""What componentize-py says when the app does not come up in the guest, turned into faults.

The message holds everything that the guest printed, Python's traceback among it, wrapped in the host's own traceback
and followed by Rust's chain of causes. Only the guest's traceback is the user's business, with the paths that they
know: in the guest the folders of the path are called /0, /1 and so on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from durable_codegen.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["faults_of"]

_FRAME = re.compile(r'^( *)File "(/[^"]*)", line (\d+)(.*)$')
#: Python begins a syntax error in the first module with its place, everything else with the word.
_START = re.compile(r'^Traceback \(most recent call last\):|^  File "/\d+/', re.MULTILINE)
_CAUSED_BY = re.compile(r"\n+Caused by:\n(.*)\Z", re.DOTALL)
_STACK = re.compile(r"\n+Stack backtrace:\n.*\Z", re.DOTALL)
#: componentize-py itself gave up, outside of the guest.
_PANIC = re.compile(r"^pyo3_runtime\.PanicException: (.*)", re.MULTILINE)
_SAME_NAME = "duplicate items detected"
_EXCEPTION = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?:: (?P<message>.*))?$")
_MISSING = re.compile(r"No module named '([\w.]+)'")


def faults_of(output: str, shown: Sequence[str | None]) -> list[Fault]:
    """The faults behind a failed run. `shown` says, for each folder of the path, what users call it (see `mapped`)."""
    if panic := _PANIC.search(output):
        return [_panicked(panic[1], output)]
    message = _STACK.sub("", output.partition("AssertionError: ")[2] or output).strip("\n")
    cause = _CAUSED_BY.search(message)
    said = (message[: cause.start()] if cause else message).rstrip()
    start = _START.search(said)
    if start is None:
        return [Fault("DSL110", _first_line(cause[1] if cause else said), detail=said)]
    detail, file, line = mapped(said[start.start() :], shown)
    kind, text = _exception(detail)
    if kind == "ModuleNotFoundError" and (missing := _MISSING.search(text)):
        return [
            Fault(
                "DSL301",
                f"the module {missing[1]} does not exist in the guest",
                file,
                line,
                hint="Add it to the project's dependencies if it is a pure-Python package. Modules with native code, "
                "and ssl and ctypes of the standard library, do not exist there.",
                detail=detail,
            )
        ]
    code = "DSL211" if kind in {"SyntaxError", "IndentationError", "TabError"} else "DSL210"
    return [Fault(code, f"{kind} in the guest: {text}" if text else f"{kind} in the guest", file, line, detail=detail)]


def _panicked(said: str, output: str) -> Fault:
    if _SAME_NAME in said:
        return Fault(
            "DSL109",
            "a function that the world itself exports has the name of one in the guest's C library",
            hint="componentize-py cannot tell them apart: put the functions of the world into an interface, or rename "
            "those called like one of C's (time, read, send, log, y1 …)",
            detail=said,
        )
    return Fault("DSL110", f"componentize-py gave up: {said}", detail=output.strip())


def mapped(traceback: str, shown: Sequence[str | None]) -> tuple[str, str | None, int | None]:
    """A traceback with the user's paths, and its last place among them.

    A folder that is shown as None is the build's own: its frames are left out. One that is shown as "" is the app's
    root. What lies outside of all folders is Python's standard library, shown as it is.
    """
    lines: list[str] = []
    file: str | None = None
    line: int | None = None
    skipping = False
    for text in traceback.splitlines():
        match = _FRAME.match(text)
        if match is None:
            # The lines of source below a frame are indented deeper than the frame itself.
            skipping = skipping and text.startswith("    ")
            if not skipping:
                lines.append(text)
            continue
        folder, _, rest = match[2].lstrip("/").partition("/")
        ours = folder.isdigit() and int(folder) < len(shown) and shown[int(folder)] is None
        skipping = ours or match[2].startswith(("/world/", "/bundled/"))
        if skipping:
            continue
        path = match[2]
        if folder.isdigit() and int(folder) < len(shown):
            path = "/".join(filter(None, [shown[int(folder)], rest]))
            file, line = path, int(match[3])
        lines.append(f'{match[1]}File "{path}", line {match[3]}{match[4]}')
    return "\n".join(lines).rstrip(), file, line


def _first_line(text: str) -> str:
    return re.sub(r"^\s*(?:\d+: )?", "", text.strip().partition("\n")[0]) or "componentize-py failed without a word"


def _exception(traceback: str) -> tuple[str, str]:
    """Type and first line of the message: what stands, not indented, below the last frame."""
    lines = traceback.splitlines()
    last_frame = max((number for number, line in enumerate(lines) if _FRAME.match(line)), default=-1)
    for line in lines[last_frame + 1 :]:
        if match := _EXCEPTION.match(line):
            return match["type"], match["message"] or ""
    return "an exception", ""
