"""DSL514: state in variables of modules that several exports change, in an app without snapshots."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_codegen.analysis.finding import Finding, Related
from durable_codegen.analysis.reading.changes import changes_reached

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from durable_codegen.analysis.reading.exports import Exported
    from durable_codegen.analysis.reading.reach import Analysis

__all__ = ["state"]


def state(analysis: Analysis, exports: Sequence[Exported]) -> Iterator[Finding]:
    """The findings, at the place where the state is defined."""
    if _has_snapshots(analysis):
        return
    changed: dict[tuple[str, str], list[tuple[Exported, int]]] = {}
    for exported in exports:
        for key, line in changes_reached(exported.function, analysis).items():
            changed.setdefault(key, []).append((exported, line))
    lasting = set(_lasting(analysis, exports))
    for (owner, name), by in changed.items():
        if owner in analysis.program.classes and owner not in lasting:
            continue  # an object of one call
        functions = dict.fromkeys(exported.function.path for exported, _ in by)
        if len(functions) < 2:
            continue
        scope = analysis.program.scopes.get(owner)
        found = analysis.program.classes.get(owner)
        module = scope.module if scope is not None else found.module if found is not None else None
        if module is None or module.root.kind != "app":
            continue
        body = module.tree.body if found is None else found.node.body
        line, column = _defined(body, name) or (found.node.lineno if found is not None else by[0][1], 1)
        names = [exported.name for exported, _ in by]
        shown = f"{found.node.name}.{name}" if found is not None else name
        yield Finding(
            "DSL514",
            "note",
            module.file,
            line,
            column,
            f"{shown} is changed by {len(names)} exports ({_listed(names)}), and the app has no snapshots",
            "State in memory comes back by replaying the worker's history. A later build that does something else "
            "cannot replay it, and without snapshots has no other way to the state.",
            "add a function under @save_snapshot and one under @load_snapshot, before the first worker that is to "
            "outlive this build",
            tuple(Related(each.function.module.file, line, f"changed by {each.name}") for each, line in by),
        )


def _lasting(analysis: Analysis, exports: Sequence[Exported]) -> Iterator[str]:
    """The classes whose objects outlive a call: those with exported methods, and those that a module has one of."""
    for exported in exports:
        if exported.function.owner is not None:
            yield exported.function.owner.path
    for name, module in analysis.program.modules.items():
        scope = analysis.program.scopes[name]
        if module.root.kind == "app":
            paths = (analysis.names.path(ast.Name(each), scope) for each in scope.names)
            yield from (path[:-2] for path in paths if path is not None and path.endswith("()"))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")


def _defined(body: list[ast.stmt], name: str) -> tuple[int, int] | None:
    for node in body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return node.lineno, node.col_offset + 1
    return None


def _has_snapshots(analysis: Analysis) -> bool:
    """Whether a function saves snapshots: by mark, or by the name that the interface gives it."""
    for function in [*analysis.program.functions.values()]:
        scope = function.scope.parent or function.scope
        for decorator in function.decorators:
            target = decorator.func if isinstance(decorator, ast.Call) else decorator
            if analysis.names.path(target, scope) == "durable_dsl.save_snapshot":
                return True
    return any(path.rpartition(".")[2] in {"SaveSnapshot", "Saving"} for path in analysis.program.classes)
