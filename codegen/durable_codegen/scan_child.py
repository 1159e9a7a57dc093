"""Imports the app in a process of its own and describes what it found; the other half of `scan`.

Run as a script: `python -I -S scan_child.py REQUEST FD`. REQUEST is JSON, FD a file descriptor for the report, which
keeps stdout free for the app. The path holds what the guest will have, and nothing of this machine's site-packages.
The process ends without running exit handlers, so that threads and hooks of the app cannot keep it alive.
"""

from __future__ import annotations

import contextlib
import enum
import faulthandler
import inspect
import json
import math
import os
import sys
import traceback
from functools import partial
from types import ModuleType
from typing import Any

#: How many decorators deep a mark is looked for.
_DEEPEST = 20


def main(request: dict[str, Any], descriptor: int) -> None:
    """Import what `request` names and write the report to `descriptor`."""
    faulthandler.dump_traceback_later(request["timeout"], exit=True, file=2)
    sys.path[:0] = request["path"]
    sys.argv = [request["module"]]
    report: dict[str, Any] = {"modules": {}, "faults": [], "error": None, "types": {}}
    from durable_dsl import marks

    with marks.collecting() as faults:
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
        for fault in faults
    ]
    if report["error"] is None:
        report["modules"] = _modules(request)
        if request["hints"]:
            _add_hints(report, request)
    with os.fdopen(descriptor, "w", encoding="utf-8") as channel:
        json.dump(report, channel)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


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


def _modules(request: dict[str, Any]) -> dict[str, Any]:
    """The app's modules that are loaded now, by name, each with its functions, classes and other values."""
    found: dict[str, Any] = {}
    for name, module in sorted(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(module, ModuleType) and file and file.startswith(request["app"]):
            found[name] = {"file": file, **_members(module)}
    return found


def _add_hints(report: dict[str, Any], request: dict[str, Any]) -> None:
    """Describe the type hints of everything that bears `@export`, for a world that is inferred from them."""
    from importlib.util import module_from_spec, spec_from_file_location

    # From its file: the guest's path has no durable_codegen.
    spec = spec_from_file_location("durable_scan_hints", os.path.join(os.path.dirname(__file__), "scan_hints.py"))  # noqa: PTH118, PTH120 - no pathlib in the app's process
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    hints = module.Hints(request["app"])
    for name, found in report["modules"].items():
        for each, described in found["functions"].items():
            _hint_function(hints, getattr(sys.modules[name], each), described)
            described["hidden"] = _hidden_export(getattr(sys.modules[name], each))
        for each, described in found["classes"].items():
            if described["export"] is not None:
                _hint_class(hints, getattr(sys.modules[name], each), described)
    report["types"] = hints.classes


def _hint_function(hints: Any, function: Any, described: dict[str, Any]) -> None:
    from durable_dsl.marked import below_marks

    if any(mark["kind"] == "export" for mark in described["marks"]):
        described["hints"] = hints.of_function(below_marks(function))
        _hint_errors(hints, function)
    if described["shadowed"] is not None:
        _hint_function(hints, function.durable_shadowed, described["shadowed"])


def _hidden_export(function: Any) -> dict[str, Any] | None:
    """A mark of `@export` below a decorator that isn't ours, where nothing looks for it."""
    from durable_dsl.marked import below_marks, marks_of

    inner = below_marks(function)
    for _ in range(_DEEPEST):
        inner = vars(inner).get("__wrapped__") if hasattr(inner, "__dict__") else None
        found = [mark for mark in marks_of(inner) if mark.kind == "export"]
        if found:
            return _mark(found[0])
    return None


def _hint_class(hints: Any, value: type, described: dict[str, Any]) -> None:
    from durable_dsl.marked import below_marks

    described["type"] = hints.of_class(value)
    for name, method in described["methods"].items():
        if method["defined"].partition(".")[0] != "builtins" and not (name.startswith("_") and name != "__init__"):
            method["hints"] = hints.of_function(below_marks(getattr(value, name)))
            _hint_errors(hints, getattr(value, name))


def _hint_errors(hints: Any, function: Any) -> None:
    from durable_dsl.marked import marks_of

    for mark in marks_of(function):
        if mark.kind == "export":
            raises: Any = mark.arguments["raises"]
            for kind in raises:
                hints.of_class(kind)


def _members(module: ModuleType) -> dict[str, Any]:
    members: dict[str, Any] = {"functions": {}, "classes": {}, "values": {}}
    for name, value in vars(module).items():
        if isinstance(value, type):
            members["classes"][name] = _class(value)
        elif callable(value):
            members["functions"][name] = _function(value)
        elif not name.startswith("__") and not isinstance(value, ModuleType):
            members["values"][name] = type(value).__name__
    return members


def _class(value: type) -> dict[str, Any]:
    from durable_dsl.marks import EXPORT_ATTRIBUTE

    export = vars(value).get(EXPORT_ATTRIBUTE)
    return {
        "module": value.__module__,
        "qualname": value.__qualname__,
        "bases": [f"{base.__module__}.{base.__qualname__}" for base in value.__mro__[1:]],
        "abstract": sorted(getattr(value, "__abstractmethods__", ())),
        "export": _mark(export) if export is not None else None,
        "line": _first_line(value),
        "init": _parameters(value),
        "methods": {
            name: _method(value, name)
            for name in dir(value)
            if (name == "__init__" or not name.startswith("__")) and callable(getattr(value, name, None))
        },
    }


def _method(owner: type, name: str) -> dict[str, Any]:
    raw = inspect.getattr_static(owner, name)
    bare = raw
    while type(bare).__name__ in {"Marked", "NamedFunction"}:
        bare = bare.__wrapped__
    kind = "static" if isinstance(bare, staticmethod) else "class" if isinstance(bare, classmethod) else "instance"
    defined = next((base for base in owner.__mro__ if name in vars(base)), owner)
    overridden = any(name in vars(child) for child in _descendants(owner))
    described = _function(getattr(owner, name))
    if kind == "instance" and described["parameters"]:
        described["parameters"] = described["parameters"][1:]
    origin = f"{defined.__module__}.{defined.__qualname__}"
    return {**described, "kind": kind, "defined": origin, "overridden": overridden}


def _descendants(owner: type) -> list[type]:
    found: list[type] = list(type.__subclasses__(owner))
    for child in found:
        below: list[type] = type.__subclasses__(child)
        found += [each for each in below if each not in found]
    return found


def _function(value: Any) -> dict[str, Any]:
    from durable_dsl.marked import below_marks, marks_of

    before = getattr(value, "durable_shadowed", None)
    below = below_marks(value)
    innermost = inspect.unwrap(below) if callable(below) else below
    bare = below.func if isinstance(below, partial) else below
    return {
        "parameters": _parameters(below),
        "marks": [{**_mark(mark), **_problem(mark, value)} for mark in marks_of(value)],
        "async": inspect.iscoroutinefunction(bare),
        "async_inside": inspect.iscoroutinefunction(innermost),
        "generator": inspect.isgeneratorfunction(bare) or inspect.isasyncgenfunction(bare),
        "module": getattr(value, "__module__", None),
        "file": _code(innermost, "co_filename"),
        "line": _code(innermost, "co_firstlineno"),
        "shadowed": _function(before) if before is not None else None,
    }


def _code(function: Any, name: str) -> Any:
    function = function.func if isinstance(function, partial) else function
    return getattr(getattr(getattr(function, "__func__", function), "__code__", None), name, None)


def _first_line(value: type) -> int | None:
    first: int | None = vars(value).get("__firstlineno__")
    return first


def _parameters(function: Any) -> list[dict[str, Any]] | None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    return [
        {
            "name": each.name,
            "kind": each.kind.name,
            "default": each.default is not each.empty,
            "value": [] if each.default is each.empty else _plain(each.default),
        }
        for each in signature.parameters.values()
    ]


def _plain(value: Any) -> list[Any]:
    """A default as JSON, in a list; an empty one where it has no simple form."""
    if isinstance(value, enum.Flag):
        return [[each.name for each in value]]
    if isinstance(value, enum.Enum):
        return [value.name]
    if value is None or type(value) in {bool, int, str}:
        return [value]
    return [value] if type(value) is float and math.isfinite(value) else []


def _mark(mark: Any) -> dict[str, Any]:
    arguments = {name: _argument(value) for name, value in mark.arguments.items()}
    return {"kind": mark.kind, "word": mark.word, "arguments": arguments, "file": mark.file, "line": mark.line}


def _problem(mark: Any, function: Any) -> dict[str, Any]:
    """What is wrong with the types of a snapshot's function; the guest would find it while it is built."""
    if mark.kind != "snapshot":
        return {}
    from durable_dsl import snapshots

    problem = None
    try:
        snapshots.state_type(function, mark.arguments["part"])
    except Exception as error:  # noqa: BLE001 - NameError and whatever else annotations raise
        problem = f"{type(error).__name__}: {error}" if not isinstance(error, TypeError) else str(error)
    return {"arguments": {"part": mark.arguments["part"], "problem": problem}}


def _argument(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_exception(item) for item in value]
    return getattr(value, "value", value)


def _exception(kind: type) -> dict[str, Any]:
    """An exception class, and whether the wrapper can reach it by its module and name."""
    found: Any = sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    return {"module": kind.__module__, "qualname": kind.__qualname__, "reachable": found is kind}


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
