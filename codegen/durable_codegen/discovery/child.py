"""Imports the app in a process of its own and describes what it found; the other half of `scan`.

Run as a script: `python -I -S scan_child.py REQUEST FD`. REQUEST is JSON, FD a file descriptor for the report, which
keeps stdout free for the app. The path holds what the guest will have, and nothing of this machine's site-packages.
The process ends without running exit handlers, so that threads and hooks of the app cannot keep it alive.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import sys
import traceback
from typing import Any


def main(request: dict[str, Any], descriptor: int) -> None:
    """Import what `request` names and write the report to `descriptor`."""
    faulthandler.dump_traceback_later(request["timeout"], exit=True, file=2)
    sys.path[:0] = request["path"]
    sys.argv = [request["module"]]
    report: dict[str, Any] = {"modules": {}, "faults": [], "error": None, "types": {}, "unmet": [], "internal": ""}
    from durable_dsl.marks.collecting import collecting

    # Before the app, which may change what modules are found.
    members, hints = _beside("members"), _beside("hints") if request["hints"] else None
    with collecting() as collected:
        try:
            for name in [request["module"], *request["also"]]:
                # Not importlib.import_module, whose frame would stand in the traceback.
                __import__(name)
        except BaseException as error:  # noqa: BLE001 - SystemExit and KeyboardInterrupt are the app's faults too
            report["error"] = _error(error, request)
        else:
            _import_late(request["late"])
    report["faults"] = [
        {"code": fault.code, "message": fault.message, "hint": fault.hint, "file": fault.file, "line": fault.line}
        for fault in collected.faults
    ]
    if report["error"] is None:
        try:
            _describe(report, request, collected.exports, members, hints)
        except Exception:  # noqa: BLE001 - whatever objects of the app do when they are looked at
            report["internal"] = traceback.format_exc()
    with os.fdopen(descriptor, "w", encoding="utf-8") as channel:
        json.dump(report, channel)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the app may have closed or replaced it
            stream.flush()
    os._exit(0)


def _describe(report: dict[str, Any], request: dict[str, Any], exports: list[Any], members: Any, hints: Any) -> None:
    """Add to the report what the app's modules hold."""
    found = members.Members(request["app"])
    report["modules"] = found.modules()
    report["unmet"] = found.unmet(exports)
    if hints is not None:
        described = hints.ExportHints(request["app"], members.maker_of, members.making, members.field_default)
        report["types"] = described.add_to(report["modules"])


def _beside(name: str) -> Any:
    """A module that stands beside this file, where the guest's path does not reach."""
    from importlib.util import module_from_spec, spec_from_file_location

    place = os.path.join(os.path.dirname(__file__), f"{name}.py")  # noqa: PTH118, PTH120 - no pathlib in the app's process
    spec = spec_from_file_location(f"durable_{name}", place)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _import_late(names: list[str]) -> None:
    """Import what the app imports late, for the marks in it; what fails is for the function that imports it."""
    for name in names:
        with contextlib.suppress(BaseException):
            __import__(name)


def _error(error: BaseException, request: dict[str, Any]) -> dict[str, Any]:
    """What went wrong, with the traceback from the app's first frame on."""
    report = traceback.TracebackException.from_exception(error)
    # What the bindings raise on purpose, they raise in functions.
    innermost = error.filename or "" if isinstance(error, SyntaxError) else _module_at_the_end(report.stack)
    place: tuple[str, int | None] | None = None
    waiting: list[traceback.TracebackException | None] = [report]
    while waiting:
        link = waiting.pop()
        if link is None:
            continue
        frames = [frame for frame in link.stack if not _is_ours(frame.filename, request)]
        if place is None:
            own = [(frame.filename, frame.lineno) for frame in frames if frame.filename.startswith(request["app"])]
            place = own[-1] if own else None
        link.stack[:] = frames
        waiting += [link.__cause__, link.__context__, *(link.exceptions or ())]
    if isinstance(error, SyntaxError) and error.filename:
        place = (error.filename, error.lineno)
    return {
        "bindings": innermost.startswith(request["bindings"]),
        "type": type(error).__name__,
        "message": str(error),
        "text": "".join(report.format()),
        "file": place[0] if place else None,
        "line": place[1] if place else None,
        "missing": error.name if isinstance(error, ModuleNotFoundError) else None,
        "syntax": isinstance(error, SyntaxError),
        "exit": isinstance(error, SystemExit),
    }


def _module_at_the_end(stack: traceback.StackSummary) -> str:
    """The file whose top level, or whose class at top level, an exception comes from; "" for functions."""
    last = stack[-1] if stack else None
    return "" if last is None or last.name == "__getattr__" else last.filename


def _is_ours(file: str, request: dict[str, Any]) -> bool:
    return file == __file__ or file.startswith(("<frozen importlib", *request["ours"]))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
