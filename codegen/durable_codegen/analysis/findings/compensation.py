"""Findings about transactions: DSL510 to DSL512, and DSL521, a transaction where none may be.

An undo is called as `undo(result, *input)`, for a method as `undo(self, result, *input)` (`transactions.operations`).
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_codegen.analysis.finding import Finding, Related, at, related
from durable_codegen.analysis.reading.effects import REMOTE
from durable_codegen.analysis.reading.program import FunctionNode, statements

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.analysis.reading.flow import Event, Flow
    from durable_codegen.analysis.reading.program import Function
    from durable_codegen.analysis.reading.reach import Analysis, Case

__all__ = ["compensation"]

#: Requests that change nothing on the other side.
_READS = (" GET ", " HEAD ", " OPTIONS ")


def compensation(analysis: Analysis) -> Iterator[Finding]:
    """Every finding of this group."""
    for flow in analysis.flows():
        for decorator in flow.function.decorators:
            call = decorator if isinstance(decorator, ast.Call) else None
            scope = flow.function.scope.parent or flow.function.scope
            if analysis.names.path(call.func if call else decorator, scope) == "durable_dsl.operation":
                yield from _operation(analysis, flow.function, decorator, call)
        for region, around, node in flow.opened:
            if region.word == "transaction":
                stacks = [around, *(stack for stack, _ in analysis.around(flow.function))]
                outer = next(
                    (each for stack in stacks for each in stack if each.is_atomic or each.records_nothing), None
                )
                if outer is not None:
                    yield Finding(
                        "DSL521",
                        "error",
                        region.file,
                        region.line,
                        getattr(node, "col_offset", 0) + 1,
                        f"{region.quoted} stands inside {outer.quoted} ({outer.place})",
                        "Each step of a transaction has to be on record before it can be undone, and this region "
                        "would do the steps again as a whole, or record none. It is refused when it runs.",
                        "open the transaction outside, and use the region for single steps",
                        (Related(outer.file, outer.line, f"the region: {outer.quoted}"),),
                    )
    yield from _without_undo(analysis)


def _operation(analysis: Analysis, function: Function, decorator: ast.expr, call: ast.Call | None) -> Iterator[Finding]:
    given = next((each.value for each in call.keywords if each.arg == "compensate"), None) if call is not None else None
    file, column = function.module.file, decorator.col_offset + 1
    shape = f"def undo({', '.join(_expected(function))})"
    if given is None or (isinstance(given, ast.Constant) and given.value is None):
        if call is not None and any(each.arg is None for each in call.keywords):
            return
        yield Finding(
            "DSL510",
            "error",
            file,
            decorator.lineno,
            column,
            f"the operation {function.name} has no compensation",
            "A transaction that fails undoes its finished operations, and knows nothing to undo this one by.",
            f"give @operation(compensate=undo), with {shape}; what needs no undo needs no @operation",
        )
        return
    scope = function.scope.parent or function.scope
    source, where = analysis.names.origin(given, scope)
    reason = None
    name = ast.unparse(given)
    if isinstance(source, ast.Constant):
        reason = "it is no function"
    elif isinstance(source, ast.Lambda):
        reason = _mismatch(function, source.args, is_static=True, bound=False)
    else:
        undo = analysis.program.functions.get(analysis.names.path(source, where) or "")
        if undo is not None and isinstance(undo.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            reason = _wrong(function, undo.node, undo, analysis)
    if reason is not None:
        yield Finding(
            "DSL511",
            "error",
            file,
            given.lineno,
            given.col_offset + 1,
            f"{name} cannot undo {function.name}: {reason}",
            "An undo is called with the operation's result and then its input; for a method the object comes first.",
            f"write {shape.replace('undo', name if name.isidentifier() else 'undo', 1)}",
        )


def _expected(function: Function) -> list[str]:
    assert isinstance(function.node, (ast.FunctionDef, ast.AsyncFunctionDef))
    arguments = function.node.args
    names = [each.arg for each in [*arguments.posonlyargs, *arguments.args]]
    first = names[:1] if _is_method(function) else []
    rest = names[len(first) :]
    rest += [f"*{arguments.vararg.arg}"] if arguments.vararg else ["*"] if arguments.kwonlyargs else []
    rest += [each.arg for each in arguments.kwonlyargs]
    rest += [f"**{arguments.kwarg.arg}"] if arguments.kwarg else []
    return [*first, "result", *rest]


def _is_method(function: Function) -> bool:
    return bool(function.parameters) and function.parameters[0].arg in {"self", "cls"}


def _wrong(function: Function, node: FunctionNode, undo: Function, analysis: Analysis) -> str | None:
    if isinstance(node, ast.AsyncFunctionDef) and isinstance(function.node, ast.FunctionDef):
        return "it is a coroutine, and the operation a plain function"
    if any(
        isinstance(each, (ast.Yield, ast.YieldFrom)) for statement in statements(node.body) for each in _own(statement)
    ):
        return "it is a generator, which does nothing when it is called"
    static = False
    for decorator in undo.decorators:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        path = analysis.names.path(target, undo.scope.parent or undo.scope) or ""
        static = static or path == "builtins.staticmethod"
        if not path.startswith(("durable_dsl.", "builtins.")):
            return None  # what it takes, its decorator says
    return _mismatch(function, node.args, is_static=static, bound=undo.owner is not None)


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.expr):
            yield from ast.walk(child)


def _mismatch(function: Function, taken: ast.arguments, *, is_static: bool, bound: bool) -> str | None:
    """Why an undo cannot be called with result and input; None if it can."""
    assert isinstance(function.node, (ast.FunctionDef, ast.AsyncFunctionDef))
    given = function.node.args
    method = _is_method(function)
    object_first = method and not (is_static and bound)
    count = 1 + len(function.parameters) - method + object_first
    parameters = [*taken.posonlyargs, *taken.args]
    required = len(parameters) - len(taken.defaults)
    if count < required or (count > len(parameters) and taken.vararg is None):
        inputs = count - 1 - object_first
        what = f"{'the object, ' if object_first else ''}the result and {inputs} argument{'' if inputs == 1 else 's'}"
        takes = (
            f"at least {required}"
            if taken.vararg
            else str(len(parameters))
            if required == len(parameters)
            else f"{required} to {len(parameters)}"
        )
        return f"it takes {takes} argument{'' if takes == '1' else 's'}, and is given {what}"
    names = {each.arg for each in [*parameters, *taken.kwonlyargs]}
    unknown = [each.arg for each in given.kwonlyargs if each.arg not in names]
    if unknown and taken.kwarg is None:
        return f"it does not take {', '.join(unknown)}"
    needed = [each.arg for each, default in zip(taken.kwonlyargs, taken.kw_defaults, strict=True) if default is None]
    missing = [name for name in needed if name not in {each.arg for each in given.kwonlyargs}]
    if missing:
        return f"it needs {', '.join(missing)}, which the operation does not have"
    if (given.vararg and not taken.vararg) or (given.kwarg and not taken.kwarg):
        return "it takes a fixed number of arguments, and the operation does not"
    return None


def _without_undo(analysis: Analysis) -> Iterator[Finding]:
    """Remote writes in a transaction that belong to no operation, with more to come that may fail."""
    seen: set[int] = set()
    for case in analysis.cases():
        effect = case.event.effect
        words = [region.word for region in case.regions]
        if effect is None or effect.kind not in REMOTE or "transaction" not in words or id(case.event) in seen:
            continue
        inner = words[len(words) - words[::-1].index("transaction") :]
        if "operation" in inner or any(read in f" {effect.what} " for read in _READS):
            continue
        if any(_is_undo(analysis, call.callee) for call in case.chain if call.callee is not None):
            continue
        if not _more_follows(analysis.flow(case.first.function), case):
            continue
        seen.add(id(case.event))
        region = next(each for each in reversed(case.regions) if each.word == "transaction")
        by = f", by {case.way}" if case.way else ""
        called = case.event.node.func if isinstance(case.event.node, ast.Call) else None
        is_short = effect.kind == "promise-complete" and isinstance(called, ast.Attribute)
        what = ast.unparse(called) if is_short and called is not None else effect.what
        yield at(
            case.event,
            "DSL512",
            "warning",
            f"{what} in {region.quoted} ({region.place}){by} is no operation",
            "If something after it fails, the transaction undoes its operations, and this stays done.",
            "make it an @operation(compensate=…); or move it to the end, where nothing after it can fail",
            related(region, case),
        )


def _more_follows(flow: Flow, case: Case) -> bool:
    """Whether, in the transaction's own function, something comes after that may fail."""
    first = case.first
    after: list[Event] = flow.events[flow.events.index(first) + 1 :]
    covered = {id(each) for each in ast.walk(first.node)}
    return any(id(event.node) not in covered for event in after if event.effect is None or event.effect.kind != "print")


def _is_undo(analysis: Analysis, function: Function) -> bool:
    return any(
        mark.word == "operation" and mark.given.get("compensate") == function.path
        for flow in analysis.flows()
        for mark in flow.marks
    )
