"""Findings about retries: DSL503, one that repeats nothing, and DSL504, a region that says no delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_codegen.analysis.finding import Finding
from durable_codegen.analysis.reading.effects import RECORDED

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator

    from durable_codegen.analysis.reading.flow import Event, Flow
    from durable_codegen.analysis.reading.program import Function
    from durable_codegen.analysis.reading.reach import Analysis, Case
    from durable_codegen.analysis.reading.regions import Region
    from durable_codegen.world.targets import Target

__all__ = ["retrying"]


def retrying(analysis: Analysis, target: Target) -> Iterator[Finding]:
    """Every finding of this group."""
    # What a call of something unknown may lead to: the app's functions that open an atomic region, by their names.
    openers = {
        flow.function.path.rpartition(".")[2]
        for flow in analysis.flows()
        if any(region.is_atomic for region, _, _ in flow.opened)
    }
    for flow in analysis.flows():
        for region, around, node in flow.opened:
            if region.word == "retry" and _repeats_nothing(analysis, flow, region, around, openers=openers):
                yield _finding(
                    region,
                    node,
                    "DSL503",
                    "warning",
                    f"{region.quoted} repeats nothing: no atomic region stands around an effect in it",
                    "A retry says when and how often; what is done again, atomic says. Without a region around the "
                    "effect, a retry answers the recorded failure from the oplog and fails in the same place.",
                    "put @atomic below the @retry, or with atomic: around what shall be done again",
                )
            elif region.is_atomic and target.forgets_retries and not _has_delay(analysis, flow, region, around):
                yield _finding(
                    region,
                    node,
                    "DSL504",
                    "note",
                    f"{region.quoted} has no retry(min_delay=…) around it",
                    f"The servers of {target.name} forget the count of retries at each repetition of a region: one "
                    "that always fails repeats for ever, the default delay (a fraction of a second) apart.",
                    "say how far apart repetitions shall be: @retry(min_delay=…) above the region",
                )


def _finding(region: Region, node: ast.AST, code: str, severity: str, message: str, why: str, hint: str) -> Finding:
    assert severity in {"warning", "note"}
    column = getattr(node, "col_offset", 0) + 1
    return Finding(code, severity, region.file, region.line, column, message, why, hint)  # type: ignore[arg-type]


def _repeats_nothing(
    analysis: Analysis, flow: Flow, region: Region, around: tuple[Region, ...], *, openers: set[str]
) -> bool:
    if any(_repeats(each) for each in around) or region in (flow.yielding or ()):
        return False  # a context manager's block is its caller's
    stacks = analysis.around(flow.function)
    if any(_repeats(each) for stack, _ in stacks for each in stack):
        return False
    inside = [event for event in flow.events if region in event.regions]
    cases = [case for event in inside for case in analysis.from_event(event)]
    opened = [each for each, outer, _ in flow.opened if region in outer]
    opened += [each for case in cases for each in case.regions]
    opened += [each for event in _calls(cases) for each, _, _ in analysis.flow(event).opened]
    if not any(_repeats(each) for each in opened):
        # A function that is handed in may open a region of its own: only if the app has any.
        return not (openers and any(_may_open(case.event, openers) for case in cases))
    effects = [case for case in cases if case.event.effect is not None and case.event.effect.kind in RECORDED]
    covered = [case for case in cases if any(_repeats(each) for each in case.regions)]
    return bool(effects) and not any(
        case.event.effect is not None or case.event.unknown is not None or case.event.callee is not None
        for case in covered
    )


def _repeats(region: Region) -> bool:
    """Whether a region is done again as a whole: an atomic one, or a transaction that is tried again."""
    return region.is_atomic or (region.word == "transaction" and region.given.get("retry") is True)


def _calls(cases: list[Case]) -> list[Function]:
    return [case.event.callee for case in cases if case.event.callee is not None]


def _may_open(event: Event, openers: set[str]) -> bool:
    """Whether an unknown call may be one of these functions: something handed in, or a method of the same name."""
    if event.unknown is None or event.is_library:
        return False
    return event.unknown.isidentifier() or event.unknown.rpartition(".")[2] in openers


def _has_delay(analysis: Analysis, flow: Flow, region: Region, around: tuple[Region, ...]) -> bool:
    """Whether a retry around the region, or right inside it, says how far apart repetitions are."""
    stacks = [around, *((*stack, *around) for stack, _ in analysis.around(flow.function))]
    if any(_delays(each) for stack in stacks for each in stack):
        return True
    if any(each.is_atomic for stack in stacks for each in stack):
        return True  # only the outermost region decides
    return any(_delays(each) for each, outer, _ in flow.opened if region in outer)


def _delays(region: Region) -> bool:
    return region.word == "retry" and "min_delay" in region.given
