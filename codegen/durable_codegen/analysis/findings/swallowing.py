"""Findings about failures that do not arrive.

DSL501: an `except` that swallows in an atomic region. DSL502: a region that is ended by hand on the way of a failure.
DSL520: an `except` around a region that never sees its failure.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from durable_codegen.analysis.finding import Finding, Related, at
from durable_codegen.analysis.reading.changes import changes_of, changes_reached
from durable_codegen.analysis.reading.program import statements
from durable_codegen.analysis.reading.reach import way_of
from durable_codegen.analysis.reading.regions import host_word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from durable_codegen.analysis.reading.flow import Event, Flow, Tried
    from durable_codegen.analysis.reading.program import Scope
    from durable_codegen.analysis.reading.reach import Analysis
    from durable_codegen.analysis.reading.regions import Region

__all__ = ["ended_by_hand", "swallowing"]

_BROAD: Final = frozenset({"builtins.Exception", "builtins.BaseException"})
#: What the other side, or the way to it, raises: who swallows these in a region gives up its retry.
_REMOTE_ERRORS: Final = frozenset(
    {"builtins.OSError", "builtins.ConnectionError", "builtins.TimeoutError", "builtins.IOError", "socket.timeout"}
)
_REMOTE_PACKAGES: Final = ("httpx.", "requests.", "urllib.error.", "durable_dsl.errors.Http", "durable_dsl.Http")
_ENDS: Final = frozenset({"sys.exit", "os.abort", "os._exit", "builtins.exit", "builtins.quit"})
_QUIET: Final = frozenset({"print", "environment", "host"})

_Try: TypeAlias = ast.Try | ast.TryStar


def swallowing(analysis: Analysis) -> Iterator[Finding]:
    """Every finding of this group."""
    for flow in analysis.flows():
        for tried in flow.tried:
            found = _atomic_around(analysis, flow, tried.regions)
            if found is not None:
                yield from _swallows(analysis, flow, tried, *found)
            yield from _never_reached(analysis, flow, tried)
        yield from ended_by_hand(analysis, flow)


def _atomic_around(
    analysis: Analysis, flow: Flow, regions: tuple[Region, ...]
) -> tuple[Region, tuple[Event, ...]] | None:
    """The innermost atomic region around a place, in its function or its callers, and the calls between."""
    if any(region.records_nothing for region in regions):
        return None  # where nothing is recorded, nothing is relied on either
    here = [region for region in regions if region.is_atomic]
    if here:
        return here[-1], ()
    for stack, chain in analysis.around(flow.function):
        outer = [region for region in stack if region.is_atomic]
        if outer:
            return outer[-1], chain
    return None


def _swallows(
    analysis: Analysis, flow: Flow, tried: Tried, region: Region, chain: tuple[Event, ...]
) -> Iterator[Finding]:
    by = f", by {way_of(chain)}" if chain else ""
    place = f"inside {region.quoted} ({region.place}){by}"
    why = (
        "What fails in there is handled as if it had succeeded: the region ends, and its half is on record as the "
        "whole. A failure that leaves the region lets all of it run again."
    )
    hint = "let the failure leave the region (raise); or catch just the errors that the rest of the region can do with"
    around = (Related(region.file, region.line, f"the region: {region.quoted}"),)

    def finding(node: ast.stmt | ast.expr | ast.ExceptHandler, what: str) -> Finding:
        message = f"{what} swallows a failure {place}"
        file = flow.function.module.file
        return Finding("DSL501", "warning", file, node.lineno, node.col_offset + 1, message, why, hint, around)

    node = tried.node
    if isinstance(node, (ast.With, ast.AsyncWith)):
        for quiet in _quiet(analysis, flow, node):
            if (quiet.breadth == "broad" and _at_risk(analysis, flow, node.body)) or (
                quiet.breadth == "remote" and _reaches_out(analysis, flow, node.body)
            ):
                yield finding(quiet.node, quiet.shown)
        return
    for handler in node.handlers:
        breadth = _breadth(analysis, flow, handler.type)
        if breadth == "narrow" or _raises(analysis, flow, handler) or _passes_on(flow, node, handler):
            continue
        shown = f"except {ast.unparse(handler.type)}" if handler.type is not None else "except"
        if (breadth == "broad" and _at_risk(analysis, flow, node.body)) or (
            breadth == "remote" and _is_idle(handler) and _reaches_out(analysis, flow, node.body)
        ):
            yield finding(handler, shown)
    for last in node.finalbody:
        leaving = next((each for each in statements([last]) if isinstance(each, ast.Return)), None)
        if leaving is not None and _at_risk(analysis, flow, node.body):
            yield finding(leaving, "return in a finally")


def _breadth(analysis: Analysis, flow: Flow, caught: ast.expr | None, scope: Scope | None = None) -> str:
    """What a handler catches: everything ("broad"), errors of the way to others ("remote"), or some ("narrow")."""
    if caught is None:
        return "broad"
    types = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    paths = {analysis.names.path(each, scope or flow.function.scope) or "" for each in types}
    if paths & _BROAD:
        return "broad"
    return "remote" if paths & _REMOTE_ERRORS or any(each.startswith(_REMOTE_PACKAGES) for each in paths) else "narrow"


def _raises(analysis: Analysis, flow: Flow, handler: ast.ExceptHandler) -> bool:
    """Whether a handler may raise, or end the program."""
    for node in statements(handler.body):
        if isinstance(node, ast.Raise):
            return True
        for call in ast.walk(node):
            if isinstance(call, ast.Call):
                path = analysis.names.path(call.func, flow.function.scope)
                callee = analysis.names.function(path)
                if path in _ENDS or (callee is not None and any(map(_is_raise, statements(callee.node.body)))):
                    return True
    return False


def _is_raise(node: ast.stmt) -> bool:
    return isinstance(node, ast.Raise)


def _passes_on(flow: Flow, node: _Try, handler: ast.ExceptHandler) -> bool:
    """Whether the failure is returned as it is, kept for code further down, or tried again and raised then."""
    end = node.end_lineno or node.lineno
    body = list(statements(flow.function.node.body))
    kept: set[str] = set()
    for statement in statements(handler.body):
        value = getattr(statement, "value", None)
        names = {each.id for each in ast.walk(value) if isinstance(each, ast.Name)} if value is not None else set()
        if handler.name is None or handler.name not in names:
            continue
        if isinstance(statement, ast.Return) and isinstance(value, ast.Name):
            return True
        if isinstance(statement, ast.Assign):
            kept.update(target.id for target in statement.targets if isinstance(target, ast.Name))
        elif isinstance(statement, ast.Expr) and isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
            kept.update(each.id for each in ast.walk(value.func.value) if isinstance(each, ast.Name))
    if any(
        isinstance(each, ast.Name) and each.id in kept and isinstance(each.ctx, ast.Load)
        for statement in body
        if statement.lineno > end and isinstance(statement, (ast.Raise, ast.Return, ast.If))
        for each in ast.walk(statement)
    ):
        return True
    loops = (ast.For, ast.AsyncFor, ast.While)
    in_loop = any(isinstance(each, loops) and each.lineno <= node.lineno <= (each.end_lineno or 0) for each in body)
    return in_loop and any(isinstance(each, ast.Raise) and each.lineno > end for each in body)


def _is_idle(handler: ast.ExceptHandler) -> bool:
    """Whether a handler does nothing about what it has caught, but perhaps say so."""
    for node in handler.body:
        if isinstance(node, (ast.Pass, ast.Continue, ast.Break)):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, (ast.Constant, ast.Call)):
            text = ast.unparse(node.value)
            if isinstance(node.value, ast.Constant) or text.startswith("print(") or ".log" in text or "log" in text[:8]:
                continue
        return False
    return True


def _events(flow: Flow, body: Iterable[ast.stmt]) -> list[Event]:
    return [event for node in body for event in flow.inside(node)]


def _reaches_out(analysis: Analysis, flow: Flow, body: Iterable[ast.stmt]) -> bool:
    return any(
        case.event.unknown is not None
        or (case.event.effect is not None and case.event.effect.kind not in _QUIET | {"time", "random", "sleep"})
        for event in _events(flow, body)
        for case in analysis.from_event(event)
    )


def _at_risk(analysis: Analysis, flow: Flow, body: list[ast.stmt]) -> bool:
    """Whether half of what a `try` does may be done when it fails: effects, unknown calls, changes of state."""
    if _reaches_out(analysis, flow, body):
        return True
    lines = {node.lineno for each in body for node in statements([each])}
    if any(line in lines for _, _, line in changes_of(flow.function, analysis)):
        return True
    return any(
        event.callee is not None and (changes_reached(event.callee, analysis) or _is_stub(event.callee.node.body))
        for event in _events(flow, body)
    )


def _is_stub(body: list[ast.stmt]) -> bool:
    """Whether a function is only declared: what it will do is not known."""
    return all(
        isinstance(node, (ast.Pass, ast.Raise)) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in body
    )


def _never_reached(analysis: Analysis, flow: Flow, tried: Tried) -> Iterator[Finding]:
    """What catches everything around a region in a block or an inner function: the failure never gets there."""
    node = tried.node
    if any(region.is_atomic for region in tried.regions):
        return
    catching: ast.AST | None
    if isinstance(node, (ast.With, ast.AsyncWith)):
        quiet = next((each for each in _quiet(analysis, flow, node) if each.breadth == "broad"), None)
        catching, shown = (None, "") if quiet is None else (quiet.node, quiet.shown)
    else:
        handlers = (each for each in node.handlers if _breadth(analysis, flow, each.type) == "broad")
        catching, shown = next(handlers, None), "this except"
    if catching is None:
        return
    covered = {id(each) for part in node.body for each in ast.walk(part)}
    found = next(
        (region for region, _, at_ in flow.opened if region.is_atomic and (id(at_) in covered or at_ is node)), None
    )
    called = ""
    if found is None:
        for event in _events(flow, node.body):
            marks = [] if event.callee is None else analysis.flow(event.callee).marks
            found = next((mark for mark in marks if mark.is_atomic), None)
            if found is not None:
                called = f" of {event.callee.name if event.callee else ''}"
                break
    if found is not None and found.origin != "by hand" and "commit_on" not in found.given:
        yield Finding(
            "DSL520",
            "note",
            flow.function.module.file,
            getattr(catching, "lineno", 1),
            getattr(catching, "col_offset", 0) + 1,
            f"{shown} never sees a failure of {found.quoted}{called} ({found.place})",
            "A failure that leaves an atomic region ends the instance there, so that nobody goes on with a region "
            "that is still open.",
            "handle the exception inside the region",
            (Related(found.file, found.line, f"the region: {found.quoted}"),),
        )


@dataclass(frozen=True, slots=True)
class _Quiet:
    """A context manager that swallows what its block raises: what of it, as `_breadth` says."""

    node: ast.expr
    shown: str
    breadth: str


def _quiet(analysis: Analysis, flow: Flow, node: ast.With | ast.AsyncWith) -> Iterator[_Quiet]:
    names = analysis.names
    for item in node.items:
        source, where = names.origin(item.context_expr, flow.function.scope)
        path = names.path(source.func, where) if isinstance(source, ast.Call) else None
        shown = ast.unparse(item.context_expr)
        if path == "contextlib.suppress" and isinstance(source, ast.Call):
            found = {_breadth(analysis, flow, each, where) for each in source.args}
            yield _Quiet(item.context_expr, shown, next((each for each in ("broad", "remote") if each in found), ""))
            continue
        manager = names.program.functions.get(path or "")
        inner = analysis.flow(manager) if manager is not None and manager is not flow.function else None
        for each in statements(inner.function.node.body) if inner is not None else ():
            if inner is None or not isinstance(each, (ast.Try, ast.TryStar)) or not _yields(each.body):
                continue
            for handler in each.handlers:
                breadth = _breadth(analysis, inner, handler.type)
                if not _raises(analysis, inner, handler) and (breadth == "broad" or _is_idle(handler)):
                    yield _Quiet(item.context_expr, shown, breadth)


def _yields(body: list[ast.stmt]) -> bool:
    return any(isinstance(each, ast.Yield) for part in body for each in ast.walk(part))


def ended_by_hand(analysis: Analysis, flow: Flow) -> Iterator[Finding]:
    """Calls of mark_end_operation that a failure reaches, too."""
    tries = [node for node in statements(flow.function.node.body) if isinstance(node, (ast.Try, ast.TryStar))]
    for event in flow.events:
        word = host_word(event.effect.path) if event.effect is not None else None
        through = ""
        if event.callee is not None and _only_ends(analysis, event):
            word, through = "mark_end_operation", f" (through {event.callee.name})"
        if word != "mark_end_operation":
            continue
        for node in tries:
            here = _unconditional(node.finalbody, event.node)
            handlers = [each for each in node.handlers if _breadth(analysis, flow, each.type) == "broad"]
            caught = any(_unconditional(handler.body, event.node) for handler in handlers)
            if here or caught:
                yield _by_hand(event, f"mark_end_operation{through} in {'a finally' if here else 'an except'}")
                break
        else:
            if flow.function.name.rpartition(".")[2] in {"__exit__", "__aexit__"} and not _looks_at_error(flow):
                yield _by_hand(event, f"mark_end_operation{through} in an __exit__ that does not look at the exception")


def _by_hand(event: Event, what: str) -> Finding:
    return at(
        event,
        "DSL502",
        "error",
        f"{what} ends the atomic region of a failed body, too",
        "What is half done is then on record as done. Each retry answers that half from the oplog and fails in the "
        "same place, until the policy is used up.",
        "end the region only when the body has succeeded (after the try, or in its else); or use @atomic, or "
        "with atomic:, which do that",
    )


def _unconditional(body: list[ast.stmt], node: ast.AST) -> bool:
    """Whether a node stands in a body without an `if` around it."""
    for statement in body:
        if isinstance(statement, ast.If):
            continue
        if any(each is node for each in ast.walk(statement)):
            return True
    return False


def _only_ends(analysis: Analysis, event: Event) -> bool:
    """Whether a function of the app calls mark_end_operation, and begins no region itself."""
    assert event.callee is not None
    words = {host_word(each.event.effect.path) for each in analysis.reached(event.callee) if each.event.effect}
    return "mark_end_operation" in words and "mark_begin_operation" not in words


def _looks_at_error(flow: Flow) -> bool:
    names = {each.arg for each in flow.function.parameters[1:]}
    return any(isinstance(each, ast.Name) and each.id in names for each in ast.walk(flow.function.node))
