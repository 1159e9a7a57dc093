"""DSL513: an effect in a persist-nothing zone whose answer, which is not on record, steers later code.

A zone is performed again on each recovery, and its answers may then be others. What comes after it is replayed from
the record of the first time: a branch, or an argument of a recorded call, that depends on such an answer may diverge.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_codegen.analysis.finding import Finding, Related
from durable_codegen.analysis.reading.effects import ANSWERING, RECORDED
from durable_codegen.analysis.reading.program import statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from durable_codegen.analysis.reading.flow import Event, Flow
    from durable_codegen.analysis.reading.program import Function
    from durable_codegen.analysis.reading.reach import Analysis

__all__ = ["steering", "tainted_by"]


def steering(analysis: Analysis, exported: Iterable[Function]) -> Iterator[Finding]:
    """Every finding of this group."""
    exports = {function.path for function in exported}
    for flow in analysis.flows():
        if any(mark.records_nothing for mark in flow.marks):
            if flow.function.path in exports:
                yield from _returned(analysis, flow)
            continue
        yield from _Steering(analysis, flow).findings()


def _answers(analysis: Analysis, event: Event, *, inside: bool) -> Event | None:
    """The effect in a persist-nothing zone whose answer an event gives; `inside`: the event stands in a zone."""
    for case in analysis.from_event(event):
        if case.event.effect is None or case.event.effect.kind not in ANSWERING:
            continue
        if inside or any(region.records_nothing for region in case.regions):
            return case.event
    return None


def _returned(analysis: Analysis, flow: Flow) -> Iterator[Finding]:
    """An export that records nothing and returns an answer: each recovery compares its result with the record."""
    tainted = tainted_by(flow, {id(each.node): each for each in flow.events if _answers(analysis, each, inside=True)})
    for node in statements(flow.function.node.body):
        if isinstance(node, ast.Return) and node.value is not None:
            source = tainted(node.value)
            if source is not None:
                effect = _answers(analysis, source, inside=True) or source
                yield _finding(
                    flow, node.value, effect, "is returned from an export", "which compares its result with the record"
                )
                return


class _Steering:
    """One function that has a zone in it, or calls one that has."""

    def __init__(self, analysis: Analysis, flow: Flow) -> None:
        self.analysis = analysis
        self.flow = flow
        self.outside = {
            id(each.node): each for each in flow.events if not any(region.records_nothing for region in each.regions)
        }
        self.sources: dict[int, Event] = {}
        for event in flow.events:
            inside = id(event.node) not in self.outside
            if _answers(analysis, event, inside=inside) is not None:
                self.sources[id(event.node)] = event
        self.zones = [region for region, _, _ in flow.opened if region.records_nothing]

    def findings(self) -> Iterator[Finding]:
        if not self.sources:
            return
        tainted = tainted_by(self.flow, self.sources)
        for node in statements(self.flow.function.node.body):
            if any(zone.line <= node.lineno <= zone.end for zone in self.zones):
                continue
            test = node.test if isinstance(node, (ast.If, ast.While)) else None
            test = node.iter if isinstance(node, (ast.For, ast.AsyncFor)) else test
            test = node.subject if isinstance(node, ast.Match) else test
            source = tainted(test) if test is not None else None
            if test is not None and source is not None and self._records_after(node):
                yield self._found(test, source, "decides here which way later, recorded code goes")
                return
        for event in self.flow.events:
            if id(event.node) not in self.outside or not self._records(event) or id(event.node) in self.sources:
                continue
            arguments = (
                [*event.node.args, *(each.value for each in event.node.keywords)]
                if isinstance(event.node, ast.Call)
                else []
            )
            for argument in arguments:
                source = tainted(argument)
                if source is not None:
                    what = event.effect.what if event.effect else event.callee.name if event.callee else ""
                    yield self._found(argument, source, f"goes into a recorded call ({what})")
                    return

    def _records_after(self, node: ast.stmt) -> bool:
        """Whether recorded calls come in a branch, or after one that may leave early."""
        if any(self._records(event) for event in self.flow.inside(node) if id(event.node) in self.outside):
            return True
        leaves = any(isinstance(each, (ast.Return, ast.Raise, ast.Break)) for each in statements([node]))
        later = [event for event in self.flow.events if event.line > (node.end_lineno or node.lineno)]
        return leaves and any(self._records(event) for event in later if id(event.node) in self.outside)

    def _records(self, event: Event) -> bool:
        return any(
            case.event.effect is not None
            and case.event.effect.kind in RECORDED
            and not any(region.records_nothing for region in case.regions)
            for case in self.analysis.from_event(event)
        )

    def _found(self, node: ast.expr, source: Event, what: str) -> Finding:
        effect = _answers(self.analysis, source, inside=id(source.node) not in self.outside) or source
        return _finding(self.flow, node, effect, what, "which then finds other calls than those on record")


def tainted_by(flow: Flow, sources: dict[int, Event]) -> _Taint:
    """Tells of an expression of a function which of the events, by the identity of their nodes, it depends on."""
    return _Taint(flow, sources)


class _Taint:
    """Which expressions of a function depend on the answers of some events; calling it gives the event."""

    def __init__(self, flow: Flow, sources: dict[int, Event]) -> None:
        self.sources = sources
        self.names: dict[str, Event] = {}
        changed = True
        while changed:
            before = len(self.names)
            for node in statements(flow.function.node.body):
                self._assign(node)
            changed = len(self.names) > before

    def __call__(self, node: ast.AST) -> Event | None:
        for each in ast.walk(node):
            if id(each) in self.sources:
                return self.sources[id(each)]
            if isinstance(each, ast.Name) and each.id in self.names:
                return self.names[each.id]
        return None

    def _assign(self, node: ast.stmt) -> None:
        targets: list[ast.expr] = []
        value: ast.expr | None = None
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
            targets, value = [node.target], node.value
        elif isinstance(node, (ast.For, ast.AsyncFor)):
            targets, value = [node.target], node.iter
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                source = self(item.context_expr)
                if source is not None and item.optional_vars is not None:
                    self._note(item.optional_vars, source)
        source = self(value) if value is not None else None
        if source is not None:
            for target in targets:
                self._note(target, source)

    def _note(self, target: ast.expr, source: Event) -> None:
        for each in ast.walk(target):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                self.names.setdefault(each.id, source)


def _finding(flow: Flow, node: ast.expr, effect: Event, what: str, then: str) -> Finding:
    shown = effect.effect.what if effect.effect is not None else "a call"
    return Finding(
        "DSL513",
        "warning",
        flow.function.module.file,
        node.lineno,
        node.col_offset + 1,
        f"the answer of {shown} ({effect.place}), which a persist-nothing zone keeps no record of, {what}",
        f"A recovery performs the zone again and may get another answer, {then}: the replay does not match the record.",
        "make the call whose answer matters outside of the zone; keep in it only what nothing depends on",
        (Related(effect.function.module.file, effect.line, f"the call: {shown}"),),
    )
