"""Takes the failure of a guest that is no Python program out of what its runtime wrote on stderr as it ended.

JavaScript (the SpiderMonkey engine of componentize-js) prints what was thrown, then its frames if it has some, then how
it aborts. The name of the error's class is not among that. Go prints `panic:` or `fatal error:` and its goroutines.
"""

from __future__ import annotations

import re

from durable_dsl.engine.failures.guest_errors import JS_STACK, GuestError

_ABORTS = "Redirecting call to abort() to mozalloc_abort"
_JS_FRAME = re.compile(r"^  (?P<function>.*)@(?P<place>.*:\d+:\d+)$")
#: The code that componentize-js puts around the user's, in a temporary folder of the build.
_JS_GLUE = "/sources/initializer.js:"
#: As many are shown; endless recursion has hundreds.
_FRAMES = 20
#: What Rust adds to whatever it prints.
_ADVICE = "note: run with `RUST_BACKTRACE"
_GO = re.compile(r"^(panic|fatal error): ")
_GOROUTINE = re.compile(r"^goroutine \d+ ")


def extract_foreign(text: str) -> GuestError | None:
    """The failure that `text`, all that a guest wrote on stderr before its trap, ends with; None if there is none.

    Its `rest` is all that stood before it.
    """
    lines = text.splitlines(keepends=True)
    _drop_empty(lines)
    if lines and lines[-1].rstrip() == _ABORTS:
        return _javascript(lines[:-1])
    return _go(lines)


def last_line(text: str) -> str:
    """The last line that says something; "" if there is none."""
    lines = (line.strip() for line in reversed(text.splitlines()))
    return next((line for line in lines if line and not line.startswith(_ADVICE)), "")


def _drop_empty(lines: list[str]) -> None:
    while lines and not lines[-1].strip():
        lines.pop()


def _javascript(lines: list[str]) -> GuestError | None:
    _drop_empty(lines)
    frames: list[str] = []
    while lines and (frame := _JS_FRAME.match(lines[-1].rstrip("\r\n"))):
        lines.pop()
        if _JS_GLUE not in frame["place"]:
            frames.insert(0, f"    at {frame['function'] or '(anonymous)'} ({frame['place']})")
    if lines and lines[-1].rstrip() == JS_STACK:
        lines.pop()
    if not lines:
        return None
    message = lines[-1].strip()
    if len(frames) > _FRAMES:
        frames[_FRAMES // 2 : -_FRAMES // 2] = [f"    … {len(frames) - _FRAMES} more"]
    return GuestError("Error", message, "\n".join([f"Error: {message}", *frames]), "".join(lines[:-1]))


def _go(lines: list[str]) -> GuestError | None:
    """The last panic, with the goroutine that is told first: it is the one that ran."""
    start = max((at for at, line in enumerate(lines) if _GO.match(line)), default=None)
    if start is None or not any(map(_GOROUTINE.match, lines[start:])):
        return None
    kind, _, message = lines[start].strip().partition(": ")
    running = next(at for at in range(start, len(lines)) if _GOROUTINE.match(lines[at]))
    end = next((at for at in range(running, len(lines)) if not lines[at].strip()), len(lines))
    return GuestError(kind, message, "".join(lines[start:end]).strip(), "".join(lines[:start]))
