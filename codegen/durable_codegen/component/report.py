"""What a build says of itself: the custom section in the component, the JSON of `--json`, and the final table."""

from __future__ import annotations

import ast
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_codegen.faults import to_json
from durable_codegen.plan.arguments import arguments_of
from durable_codegen.plan.snapshots import saves_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from durable_codegen.app.modules import Module
    from durable_codegen.discovery.scan import MarkRecord
    from durable_codegen.faults import Fault
    from durable_codegen.plan.exports import Plan, PlannedFunction, PlannedInterface

__all__ = ["SECTION", "Result", "exports_of", "result_json", "section", "table_rows"]

#: The name of the custom section.
SECTION = "durable-dsl"


@dataclass(frozen=True, slots=True)
class Result:
    """A finished build. `exports` has the form of the custom section; `stages` are names and seconds."""

    output: Path
    exports: tuple[dict[str, Any], ...]
    size: int
    seconds: float
    cached: bool
    faults: tuple[Fault, ...]
    stages: tuple[tuple[str, float], ...]
    target: str
    world: str
    printed: str = ""
    #: What was installed for the guest, with the versions.
    packages: tuple[tuple[str, str], ...] = ()


def exports_of(plan: Plan) -> tuple[dict[str, Any], ...]:
    """The exports with their place in the source and their regions."""
    return tuple(_export(interface, function) for interface, function in plan.functions())


def section(
    plan: Plan,
    name: str,
    version: str,
    app_path: str,
    modules: Mapping[str, Module],
    packages: Iterable[tuple[str, str]] = (),
    snapshots: Mapping[str, int] | None = None,
) -> bytes:
    """The content of the custom section; `app_path` is where the app's root lies in the project.

    `snapshots` says when the state of a worker is to be saved, where it can be.
    """
    content = {
        "format": 1,
        "version": version,
        "target": plan.target.name,
        "world": f"{plan.world.package}/{plan.world.name}",
        "name": name,
        "exports": list(exports_of(plan)),
        "functions": dict(_functions(plan, modules)),
        "arguments": arguments_of(plan),
        "packages": dict(packages),
        "roots": {
            "0": {"kind": "generated"},
            "1": {"kind": "app", "path": app_path or "."},
            "2": {"kind": "vendored"},
            "3": {"kind": "support"},
        },
    }
    if snapshots and saves_state(plan.world):
        content["snapshots"] = dict(snapshots)
    return json.dumps(content, ensure_ascii=False).encode()


def result_json(
    output: str | None,
    exports: Iterable[Mapping[str, Any]],
    size: int | None,
    seconds: float,
    faults: Iterable[Fault],
    *,
    cached: bool,
) -> dict[str, Any]:
    """The form of `build --json`, of a failed build too."""
    return {
        "output": output,
        "exports": list(exports),
        "size": size,
        "seconds": round(seconds, 3),
        "cached": cached,
        "faults": [to_json(fault) for fault in faults],
    }


def table_rows(exports: Iterable[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """For each export its short name (where that is unique), its regions from the outermost in, and where it stands."""
    exports = list(exports)
    short = Counter(_short(each["name"]) for each in exports)
    rows = []
    for each in exports:
        name = _short(each["name"]) if short[_short(each["name"])] == 1 else each["name"]
        words = " > ".join(region["word"] for region in each["regions"])
        place = f"{each['file']}:{each['line']}" if each["line"] else each["file"] or ""
        rows.append((name, f"{'async ' if each['async'] else ''}{words}".strip() or "-", place))
    return rows


def _functions(plan: Plan, modules: Mapping[str, Module]) -> Iterator[tuple[str, str]]:
    """The app's functions and where they stand: for whoever calls one that is not exported. The app's own come last."""
    for module in sorted(modules.values(), key=lambda each: (each.name == plan.module, each.name)):
        if module.root.kind == "app":
            for node in module.tree.body:
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield node.name, f"{module.file}:{node.lineno}"


def _export(interface: PlannedInterface, planned: PlannedFunction) -> dict[str, Any]:
    prefix = "" if interface.interface.id is None else f"{interface.interface.id}#"
    return {
        "name": f"{prefix}{planned.function.export}",
        "file": planned.file,
        "line": planned.line,
        "async": planned.calling != "plain",
        "regions": [_region(mark) for mark in planned.regions],
    }


def _region(mark: MarkRecord) -> dict[str, Any]:
    arguments = dict(mark.arguments)
    if mark.kind == "atomic":
        types = arguments["commit_on"]
        arguments["commit_on"] = None if types is None else [each["qualname"] for each in types]
    return {"kind": mark.kind, "word": mark.word, "file": mark.file, "line": mark.line, "arguments": arguments}


def _short(name: str) -> str:
    """`demo:orders/desk@1.0.0#place` as `desk#place`."""
    interface, hash_, function = name.rpartition("#")
    return f"{interface.rpartition('/')[2].partition('@')[0]}{hash_}{function}"
