"""What the app defines: its functions, classes and marks, found by importing it in a child process.

An import rather than a reading of the source, so that aliases, re-exports and computed arguments work; a process of
its own, so that whatever the app does at import ends there. The child sees the guest's path (generated bindings, the
app's own modules, vendored packages, durable_dsl and wrapt) and the standard library, nothing else of this machine.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from durable_codegen.discovery.failures import Failure, died, failed, hung
from durable_codegen.faults import BuildFailed, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Class", "Function", "MarkRecord", "Parameter", "Scan", "ScannedModule", "scan"]

_CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an implementation; `kind` is the name of inspect's kind."""

    name: str
    kind: str
    has_default: bool
    #: The default as JSON, alone in a tuple, where it has a simple form.
    default: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class MarkRecord:
    """A mark on a function, outermost first in its list; `arguments` in the form of the custom section."""

    kind: str
    word: str
    arguments: Mapping[str, Any]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Function:
    """A callable of the app. `parameters` is None where Python cannot tell; methods are without self.

    `shadowed` is the exported function that had the name before, `depth` how often the name was bound again since.
    """

    name: str
    owner: str
    parameters: tuple[Parameter, ...] | None
    marks: tuple[MarkRecord, ...]
    is_async: bool
    may_be_async: bool
    is_generator: bool
    file: str | None
    line: int | None
    kind: Literal["function", "instance", "static", "class"] = "function"
    is_overridden: bool = False
    defined: str = ""
    shadowed: Function | None = None
    depth: int = 0
    #: The type hints of an export, where the scan was to describe them; see `scan_hints`.
    hints: Mapping[str, Any] | None = None
    #: A mark of `@export` below a decorator that isn't ours.
    hidden: MarkRecord | None = None
    #: The same for the same object, by whatever names; of functions in modules only.
    id: int = -1


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the app, bound to `name` in the module `owner`."""

    name: str
    owner: str
    module: str
    qualname: str
    bases: tuple[str, ...]
    abstract: tuple[str, ...]
    export: MarkRecord | None
    line: int | None
    init: tuple[Parameter, ...] | None
    methods: Mapping[str, Function]
    #: The key of an exported class in `Scan.types`.
    type: str | None = None
    #: As of a function.
    id: int = -1
    #: The type variables that stand for nothing yet.
    variables: tuple[str, ...] = ()
    #: What makes objects: `__init__`, which is also where the others are described, `__new__` or `__call__`.
    maker: str = "__init__"
    #: Why no objects can be made of it from outside, though nothing is missing: it is "an Enum", "a Protocol" …
    stands_for: str | None = None


@dataclass(frozen=True, slots=True)
class ScannedModule:
    """A loaded module of the app and what its names are bound to; `values` maps a name to the type of its value."""

    name: str
    file: str
    functions: Mapping[str, Function]
    classes: Mapping[str, Class]
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scan:
    """All that the scan found; `output` is what the app printed while it was imported."""

    modules: Mapping[str, ScannedModule]
    faults: tuple[Fault, ...]
    output: str
    #: The classes that type hints speak of, by key.
    types: Mapping[str, Any] = field(default_factory=dict)
    #: Marks of `@export` in the app's modules on things that no module or class of it holds.
    unmet: tuple[MarkRecord, ...] = ()


def scan(
    module: str,
    path: Sequence[Path],
    app: Path,
    *,
    bindings: Path | None = None,
    shown: Callable[[str], str],
    also: Sequence[str] = (),
    late: Sequence[str] = (),
    timeout: float = 60.0,
    missing_are_known: bool = False,
    hints: bool = False,
) -> Scan:
    """Import `module` with `path` in a child process and describe it.

    `app` is the folder on the path that holds the app, `bindings` the one that holds the bindings; `shown` turns a path
    in the app into what messages show. `also` names further modules of the app to import, `late` those that only its
    functions import. Raises BuildFailed if the import fails or does not end; with `missing_are_known`, a module that is
    not found leaves an empty scan, for it has been reported already. `hints`: describe the type hints of exports.
    """
    request = {
        "module": module,
        "also": list(also),
        "late": list(late),
        "path": [str(folder) for folder in path],
        "app": f"{app}{os.sep}",
        "bindings": f"{bindings}{os.sep}",
        "ours": [f"{folder}{os.sep}" for folder in path if folder != app],
        "timeout": timeout,
        "hints": hints,
    }
    report, output, ended = _run(request, timeout)
    if report is None:
        raise BuildFailed([hung(output, str(app), shown, timeout) if ended is None else died(output, ended)])
    reader = _Reader(shown)
    faults = tuple(reader.fault(each) for each in report["faults"])
    if report["error"] is not None:
        failure = Failure(**report["error"])
        if failure.missing and missing_are_known:
            return Scan({}, faults, output)
        raise BuildFailed([*faults, failed(failure, str(app), shown, bindings)])
    if report["internal"]:
        message = "internal error: the app was imported, and could not be described"
        raise BuildFailed([*faults, Fault("DSL900", message, detail=report["internal"])])
    modules = {name: reader.module(name, each) for name, each in report["modules"].items()}
    return Scan(modules, faults, output, report["types"], tuple(map(reader.mark, report["unmet"])))


def _run(request: Mapping[str, Any], timeout: float) -> tuple[dict[str, Any] | None, str, int | None]:
    """The child's report, what the app printed, and the exit status (None: it had to be ended)."""
    reading, writing = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-X", "utf8", str(_CHILD), json.dumps(request), str(writing)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=[writing],
        start_new_session=True,
    ) as child:
        os.close(writing)
        try:
            with os.fdopen(reading, "r", encoding="utf-8") as channel:
                printed = _Drain(child)
                # The report can be longer than a pipe holds, so it is read while the child writes; a child that hangs
                # ends itself (faulthandler), which closes the pipe too.
                text = channel.read()
            try:
                ended: int | None = child.wait(timeout + 5)
            except subprocess.TimeoutExpired:
                ended = None
        finally:
            # With all that it started itself, which would hold our end of its output open.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        output = printed.text()
    if text:
        return json.loads(text), output, ended
    return None, output, None if re.search(r"^Timeout \(", output, re.MULTILINE) else ended


class _Drain:
    """Reads what the child prints while something else is waited for."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        import threading

        self._child = child
        self._pieces: list[bytes] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._child.stdout is not None
        while piece := self._child.stdout.read1():  # type: ignore[attr-defined]
            self._pieces.append(piece)

    def text(self) -> str:
        # A process that the app sent into a session of its own may hold the other end open for as long as it likes.
        self._thread.join(2)
        return b"".join(self._pieces).decode("utf-8", "replace")


class _Reader:
    """Turns the child's report into what this module offers."""

    def __init__(self, shown: Callable[[str], str]) -> None:
        self._shown = shown

    def fault(self, given: Mapping[str, Any]) -> Fault:
        file = self._shown(given["file"]) if given["file"] else None
        return Fault(given["code"], given["message"], file, given["line"], given["hint"])

    def module(self, name: str, given: Mapping[str, Any]) -> ScannedModule:
        return ScannedModule(
            name=name,
            file=self._shown(given["file"]),
            functions={each: self._function(each, name, found) for each, found in given["functions"].items()},
            classes={each: self._class(each, name, found) for each, found in given["classes"].items()},
            values=given["values"],
        )

    def _class(self, name: str, owner: str, given: Mapping[str, Any]) -> Class:
        return Class(
            name=name,
            owner=owner,
            module=given["module"],
            qualname=given["qualname"],
            bases=tuple(given["bases"]),
            abstract=tuple(given["abstract"]),
            export=self.mark(given["export"]) if given["export"] else None,
            line=given["line"],
            init=_parameters(given["init"]),
            methods={each: self._function(each, owner, found) for each, found in given["methods"].items()},
            type=given.get("type"),
            id=given["id"],
            variables=tuple(given["variables"]),
            maker=given["maker"],
            stands_for=_stands_for(given),
        )

    def _function(self, name: str, owner: str, given: Mapping[str, Any], depth: int = 0) -> Function:
        before = given.get("shadowed")
        return Function(
            name=name,
            owner=owner,
            parameters=_parameters(given["parameters"]),
            marks=tuple(self.mark(mark) for mark in given["marks"]),
            is_async=given["async"],
            may_be_async=given["async_inside"],
            is_generator=given["generator"],
            file=self._shown(given["file"]) if given["file"] else None,
            line=given["line"],
            kind=given.get("kind", "function"),
            is_overridden=given.get("overridden", False),
            defined=given.get("defined", ""),
            shadowed=self._function(name, owner, before, depth + 1) if before else None,
            depth=depth,
            hints=given.get("hints"),
            hidden=self.mark(given["hidden"]) if given.get("hidden") else None,
            id=given.get("id", -1),
        )

    def mark(self, given: Mapping[str, Any]) -> MarkRecord:
        return MarkRecord(given["kind"], given["word"], given["arguments"], self._shown(given["file"]), given["line"])


def _stands_for(given: Mapping[str, Any]) -> str | None:
    """What a class is for, if not for making objects of it with arguments."""
    if given["protocol"]:
        return "a Protocol"
    if "enum.Enum" in given["bases"]:
        return "an Enum"
    if given["contradicts"]:
        return "made by a __new__ and an __init__ that want different arguments"
    return "a TypedDict" if given["metaclass"].endswith("._TypedDictMeta") else None


def _parameters(given: Sequence[Mapping[str, Any]] | None) -> tuple[Parameter, ...] | None:
    if given is None:
        return None
    return tuple(Parameter(each["name"], each["kind"], each["default"], tuple(each["value"])) for each in given)
