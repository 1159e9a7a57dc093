"""Findings about what a guest lacks, or what its build freezes: DSL515 to DSL519."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.finding import Finding, at, on
from durable_codegen.analysis.reading.program import statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.analysis.reading.flow import Event
    from durable_codegen.analysis.reading.reach import Analysis
    from durable_codegen.app.modules import Module

__all__ = ["guest_code"]

_LACKING: Final = {
    "thread": (
        "DSL516",
        "starts a thread",
        "A guest is one thread: starting another fails with RuntimeError.",
        "use async def and asyncio.gather for what shall go on at the same time",
    ),
    "process": (
        "DSL517",
        "starts or signals a process",
        "A guest has no processes: the call fails.",
        "do it behind a service that the component calls, or outside of the component",
    ),
    "socket": (
        "DSL518",
        "opens a socket",
        "A guest has no sockets: the connection is refused.",
        "use durable_dsl.http, or httpx, requests or urllib.request: their requests go over the host's HTTP",
    ),
    "ssl": (
        "DSL518",
        "sets up TLS",
        "TLS is the host's: what is set here changes nothing, and there is no socket to wrap.",
        "leave it out in the component: https addresses work, and the host checks certificates",
    ),
}

_ONE_FOR_ALL: Final = (
    "called",
    (
        "Modules are imported when the component is built: the value is frozen into it, and every worker sees the same "
        "one for ever."
    ),
    "call it inside a function; what a function draws is recorded, and replayed",
)
#: What a build freezes: what is done, why that is no good, what to do.
_FROZEN: Final = {
    "time": _ONE_FOR_ALL,
    "random": _ONE_FOR_ALL,
    "environment": (
        "read",
        (
            "Modules are imported when the component is built, where the environment is empty: no worker ever sees "
            "here what its own environment says."
        ),
        "read it inside a function; what a function reads is recorded, and replayed",
    ),
}


def guest_code(analysis: Analysis) -> Iterator[Finding]:
    """Every finding of this group."""
    seen: set[tuple[str, int]] = set()
    for flow in analysis.flows():
        makes_threads = any(event.effect and event.effect.path == "threading.Thread" for event in flow.events)
        for event in flow.events:
            effect = event.effect
            if effect is None or effect.kind not in _LACKING:
                continue
            if makes_threads and effect.path == "threading.Thread().start":
                continue  # said where it is made
            code, does, why, hint = _LACKING[effect.kind]
            if (code, event.line) in seen or _is_guarded(flow.function.node, event):
                continue
            seen.add((code, event.line))
            yield at(event, code, "warning", f"{effect.what} {does}", why, hint)
    yield from _at_import(analysis)
    for module in analysis.program.modules.values():
        if module.root.kind == "app":
            yield from _late_imports(module, analysis)


def _is_guarded(node: ast.AST, event: Event) -> bool:
    """Whether the code copes with the failure: `try: … except (RuntimeError, OSError, NotImplementedError)`."""
    caught = {"RuntimeError", "OSError", "NotImplementedError", "Exception", "BaseException"}
    for each in ast.walk(node):
        if isinstance(each, ast.Try) and any(inner is event.node for part in each.body for inner in ast.walk(part)):
            for handler in each.handlers:
                types = [] if handler.type is None else [handler.type]
                types = types[0].elts if types and isinstance(types[0], ast.Tuple) else types
                if not types or {ast.unparse(one) for one in types} & caught:
                    return True
    return False


def _at_import(analysis: Analysis) -> Iterator[Finding]:
    """Time, random numbers and the environment, where they are taken while a module is imported."""
    for module in analysis.program.modules.values():
        if module.root.kind != "app":
            continue
        start = analysis.program.functions[module.name]
        seen: set[tuple[str, int]] = set()
        for event in analysis.flow(start).events:
            for case in analysis.from_event(event):
                effect = case.event.effect
                key = (case.first.place, 0)
                if effect is None or effect.kind not in _FROZEN or key in seen:
                    continue
                if any(each.handed_on for each in (*case.chain, case.event)):
                    continue  # a default factory, a callback: who gets it keeps it for later
                seen.add(key)
                by = f" (by {case.way})" if case.way else ""
                does, why, hint = _FROZEN[effect.kind]
                message = f"{effect.what}{by} is {does} while the module is imported"
                yield at(case.first, "DSL519", "warning", message, why, hint)


def _late_imports(module: Module, analysis: Analysis) -> Iterator[Finding]:
    early = {candidate for each in module.imports if not each.late for candidate in each.candidates}
    told: set[int] = set()
    for each in module.imports:
        if not each.late or each.module in early or each.line in told:
            continue
        told.add(each.line)
        yield on(
            module,
            each.line,
            _column(module, each.line),
            "DSL515",
            "note",
            f"{each.module} is imported late, inside a function",
            "In a component it is imported when the component is built, not when this line is reached: what its "
            "import does is done once, and frozen. It saves no start-up time.",
            "import it at the top of the module, unless a cycle forbids it",
        )
    for flow in analysis.flows():
        if flow.function.module is not module or isinstance(flow.function.node, ast.Module):
            continue
        for node in statements(flow.function.node.body):
            for call in _calls(node):
                path = analysis.names.path(call.func, flow.function.scope)
                computed = bool(call.args) and not isinstance(call.args[0], ast.Constant)
                if path in {"importlib.import_module", "builtins.__import__"} and computed:
                    yield on(
                        module,
                        call.lineno,
                        call.col_offset + 1,
                        "DSL515",
                        "warning",
                        f"{ast.unparse(call)} imports a module whose name is computed",
                        "A component has no files to import from when it runs: only what the build has imported is "
                        "there, and it cannot see this name.",
                        "import the modules that may be meant at the top, and choose among them by a dict",
                    )


def _calls(node: ast.stmt) -> Iterator[ast.Call]:
    """The calls in a statement's own expressions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield from (each for each in ast.walk(child) if isinstance(each, ast.Call))


def _column(module: Module, line: int) -> int:
    lines = module.source_lines
    text = lines[line - 1] if line <= len(lines) else ""
    return len(text) - len(text.lstrip()) + 1
