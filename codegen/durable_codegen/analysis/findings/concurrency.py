"""Findings about requests that several tasks make: DSL523."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.analysis.reading.effects import Effect
    from durable_codegen.analysis.reading.flow import Flow
    from durable_codegen.analysis.reading.program import Function
    from durable_codegen.analysis.reading.reach import Analysis
    from durable_codegen.analysis.reading.regions import Region

__all__ = ["concurrency", "one_by_one"]

#: What has several tasks under way.
_STARTING: Final = frozenset(
    {
        "asyncio.gather",
        "asyncio.wait",
        "asyncio.as_completed",
        "asyncio.create_task",
        "asyncio.ensure_future",
        "asyncio.TaskGroup().create_task",
    }
)
_LETTING: Final = "durable_dsl.http.overlapping"


def concurrency(analysis: Analysis) -> Iterator[Finding]:
    """Where tasks make requests that have to wait for each other: one finding for each place that starts them."""
    for function, call, effect in one_by_one(analysis):
        yield Finding(
            "DSL523",
            "note",
            function.module.file,
            call.lineno,
            call.col_offset + 1,
            f"{ast.unparse(call.func)} has several tasks under way, and they make requests ({effect.what}): in a "
            "component these go one after another",
            "At each restart a server of golem-1.x takes a request that another one has overtaken for unfinished, "
            "forgets what came after it, and sends it again. So the next request begins when the one before has ended.",
            "nothing has to be done; for requests at the same time: with atomic, non_idempotent: around all of them, "
            "which sends all of them again after a crash in between; or, for the embedded engine alone, with "
            "http.overlapping(): or overlapping-requests = true under [tool.durable-dsl]",
        )


def one_by_one(analysis: Analysis) -> Iterator[tuple[Function, ast.Call, Effect]]:
    """The calls that start tasks whose requests have to wait for each other, with one of these requests."""
    for flow in analysis.flows():
        for call in _starting(analysis, flow):
            found = _request(analysis, flow, call)
            if found is not None and not _is_let_overlap(analysis, flow, call, found[1]):
                yield flow.function, call, found[0]


def _starting(analysis: Analysis, flow: Flow) -> Iterator[ast.Call]:
    if not isinstance(flow.function.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return
    for node in ast.walk(flow.function.node):
        if isinstance(node, ast.Call) and analysis.names.path(node.func, flow.function.scope) in _STARTING:
            yield node


def _request(analysis: Analysis, flow: Flow, call: ast.Call) -> tuple[Effect, tuple[Region, ...]] | None:
    """A request that the tasks make, and the regions around it; what is awaited may have been made before."""
    for event in flow.inside(call) or flow.events:
        for case in analysis.from_event(event):
            if case.event.effect is not None and case.event.effect.kind == "http":
                return case.event.effect, case.regions
    return None


def _is_let_overlap(analysis: Analysis, flow: Flow, call: ast.Call, regions: tuple[Region, ...]) -> bool:
    stacks = [stack for stack, _ in analysis.around(flow.function)] or [()]
    if all(_mode((*stack, *regions)) == "non_idempotent" for stack in stacks):
        return True
    return any(
        isinstance(node, (ast.With, ast.AsyncWith))
        and any(call is each for each in ast.walk(node))
        and any(
            isinstance(item.context_expr, ast.Call)
            and analysis.names.path(item.context_expr.func, flow.function.scope) == _LETTING
            for item in node.items
        )
        for node in ast.walk(flow.function.node)
    )


def _mode(regions: tuple[Region, ...]) -> str:
    modes = [region.word for region in regions if region.word in {"idempotent", "non_idempotent"}]
    return modes[-1] if modes else "idempotent"
