"""Findings about what stands inside regions: DSL505 to DSL509."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.finding import Finding, Related, at, related
from durable_codegen.analysis.findings.steering import tainted_by
from durable_codegen.analysis.reading.effects import REMOTE
from durable_codegen.analysis.reading.reach import way_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.analysis.reading.flow import Event, Flow, Timeout
    from durable_codegen.analysis.reading.reach import Analysis, Case
    from durable_codegen.analysis.reading.regions import Region
    from durable_codegen.world.targets import Target

__all__ = ["in_regions"]

#: Golem suspends a worker whose sleep is at least this long.
LONG_SECONDS: Final = 10.0


def in_regions(analysis: Analysis, target: Target) -> Iterator[Finding]:
    """Every finding of this group; one per code and place, the nearest way to it."""
    cases = list(analysis.cases())
    unique: dict[tuple[str, str, int, int], Finding] = {}
    for finding in (
        *_at_most_once(analysis, cases),
        *_keys(cases, target),
        *_drawn_keys(analysis),
        *_waits(cases),
        *_timeouts(analysis),
    ):
        unique.setdefault((finding.code, finding.file, finding.line, finding.column), finding)
    yield from unique.values()


def where(region: Region, case: Case) -> str:
    """`inside @atomic (orders.py:12), by place → pay (orders.py:14)`."""
    by = f", by {case.way}" if case.way else ""
    return f"inside {region.quoted} ({region.place}){by}"


def _innermost(regions: tuple[Region, ...], test: str) -> tuple[int, Region] | None:
    found = [(number, region) for number, region in enumerate(regions) if getattr(region, test)]
    return found[-1] if found else None


def _at_most_once(analysis: Analysis, cases: list[Case]) -> Iterator[Finding]:
    why = (
        "An unfinished atomic region is done again as a whole, and persist-nothing keeps no record: the call is sent "
        "again, whatever the mode says. At most once does not hold here."
    )
    hint = (
        "make the call outside of the region; or let the other side know a repetition by an idempotency key "
        "that is taken before the region"
    )
    for case in cases:
        effect = case.event.effect
        modes = [region for region in case.regions if region.word in {"non_idempotent", "idempotent"}]
        if effect is None or effect.kind not in REMOTE or not modes or modes[-1].word != "non_idempotent":
            continue
        found = _innermost(case.regions, "is_atomic") or _innermost(case.regions, "records_nothing")
        if found is not None and found[1].place != modes[-1].place:  # one statement that says both means it
            region = found[1]
            message = f"{effect.what} under {modes[-1].quoted} ({modes[-1].place}) stands {where(region, case)}"
            yield at(case.event, "DSL505", "warning", message, why, hint, related(region, case))
    # A non-idempotent region inside, with nothing in it that is known: it promises what does not hold all the same.
    for flow in analysis.flows():
        for region, around, node in flow.opened:
            if region.word != "non_idempotent":
                continue
            inside = [event for event in flow.events if region in event.regions]
            if any(
                case.event.effect is not None and case.event.effect.kind in REMOTE
                for event in inside
                for case in analysis.from_event(event)
            ):
                continue
            if not inside:
                continue
            stacks = [(around, ()), *((stack + around, chain) for stack, chain in analysis.around(flow.function))]
            for stack, chain in stacks:
                outer = next((each for each in stack if each.is_atomic or each.records_nothing), None)
                if outer is not None and outer.place != region.place:
                    by = f" (called at {chain[-1].place})" if chain else ""
                    yield Finding(
                        "DSL505",
                        "warning",
                        region.file,
                        region.line,
                        getattr(node, "col_offset", 0) + 1,
                        f"{region.quoted} stands inside {outer.quoted} ({outer.place}){by}",
                        why,
                        hint,
                        (Related(outer.file, outer.line, f"the region: {outer.quoted}"),),
                    )
                    break


def _keys(cases: list[Case], target: Target) -> Iterator[Finding]:
    if not target.forgets_retries:
        return
    for case in cases:
        if case.event.effect is None or case.event.effect.kind != "key":
            continue
        found = _innermost(case.regions, "is_atomic") or _innermost(case.regions, "records_nothing")
        if found is not None:
            region = found[1]
            yield at(
                case.event,
                "DSL506",
                "warning",
                f"{case.event.effect.what}() stands {where(region, case)}",
                f"On {target.name} each repetition of the region gets another key, so the other side cannot know the "
                "repeated request by it.",
                "take the key before the region and hand it in; or give idempotency_key=True to durable_dsl.http, "
                "which derives one that stays the same",
                related(region, case),
            )


def _drawn_keys(analysis: Analysis) -> Iterator[Finding]:
    """Idempotency keys that are random numbers, or times, of the region that sends them."""
    for flow in analysis.flows():
        for event in flow.events:
            key = _key_of(event.node) if event.effect is not None and event.effect.kind in REMOTE else None
            found = _atomic_around(analysis, event) if key is not None else None
            if event.effect is None or key is None or found is None:
                continue
            region, chain = found
            drawn = {
                id(each.node): each
                for each in flow.events
                if each.effect is not None
                and each.effect.kind in {"random", "time"}
                and (chain or region in each.regions)
            }
            source = tainted_by(flow, drawn)(key) if drawn else None
            if source is not None and source.effect is not None:
                by = f", by {way_of(chain)}" if chain else ""
                yield at(
                    event,
                    "DSL506",
                    "warning",
                    f"the idempotency key of {event.effect.what} is drawn by {source.effect.what} inside "
                    f"{region.quoted} ({region.place}){by}",
                    "Each repetition of the region draws another key, so the other side cannot know the repeated "
                    "request by it.",
                    "draw the key before the region and hand it in; or give idempotency_key=True to "
                    "durable_dsl.http, which derives one that stays the same",
                    related(region),
                )


def _key_of(node: ast.expr) -> ast.expr | None:
    """What a request is given as its idempotency key, as an argument or a header."""
    for each in node.keywords if isinstance(node, ast.Call) else ():
        if each.arg == "idempotency_key":
            return each.value
        if each.arg == "headers" and isinstance(each.value, ast.Dict):
            for name, value in zip(each.value.keys, each.value.values, strict=True):
                if isinstance(name, ast.Constant) and "idempoten" in str(name.value).lower():
                    return value
    return None


def _atomic_around(analysis: Analysis, event: Event) -> tuple[Region, tuple[Event, ...]] | None:
    """The innermost atomic region around an event, with the calls to its function if a caller opens it."""
    here = [region for region in event.regions if region.is_atomic]
    if here:
        return here[-1], ()
    for stack, chain in analysis.around(event.function):
        outer = [region for region in stack if region.is_atomic]
        if outer:
            return outer[-1], chain
    return None


def _waits(cases: list[Case]) -> Iterator[Finding]:
    for case in cases:
        effect = case.event.effect
        found = _innermost(case.regions, "is_atomic")
        if effect is None or found is None:
            continue
        region = found[1]
        if effect.kind == "sleep" and effect.seconds is not None and effect.seconds >= LONG_SECONDS:
            yield at(
                case.event,
                "DSL507",
                "warning",
                f"{effect.what} stands {where(region, case)}",
                "A worker in an atomic region cannot be suspended: it stays in memory for the whole sleep, and a crash "
                "starts the region, and the sleep, from the beginning.",
                "sleep before or after the region",
                related(region, case),
            )
        elif effect.kind == "promise-wait":
            yield at(
                case.event,
                "DSL509",
                "error",
                f"{effect.what} stands {where(region, case)}",
                "A worker that waits for a promise is suspended, and each wake-up would begin the region again; it is "
                "refused when it runs.",
                "wait before the region, and do what must be atomic afterwards",
                related(region, case),
            )


def _timeouts(analysis: Analysis) -> Iterator[Finding]:
    for flow in analysis.flows():
        for timeout in flow.timeouts:
            found = _atomic_inside(analysis, flow, timeout)
            if found is None:
                continue
            region, chain = found
            node = timeout.node
            by = f", by {way_of(chain)}" if chain else ""
            yield Finding(
                "DSL508",
                "warning",
                flow.function.module.file,
                node.lineno,
                node.col_offset + 1,
                f"{timeout.what} stands around {region.quoted} ({region.place}){by}",
                "A time-out cancels the task, and a cancellation that leaves an atomic region is a failure of the "
                "region: the instance ends there, and what handles the time-out is never reached.",
                "put the time-out inside the region",
                related(region),
            )


def _atomic_inside(analysis: Analysis, flow: Flow, timeout: Timeout) -> tuple[Region, tuple[Event, ...]] | None:
    """An atomic region that is entered under a time-out, here or in what is called from it, and the calls to it."""
    nodes: list[ast.AST] = [timeout.node]
    if isinstance(timeout.node, ast.Call):
        # `work = place()` may have made the coroutine before.
        nodes += [analysis.names.origin(each, flow.function.scope)[0] for each in timeout.node.args[:1]]
    covered = {id(each) for node in nodes for each in ast.walk(node)}
    for region, around, opener in flow.opened:
        later = opener is timeout.node and timeout.regions == around[: len(timeout.regions)]
        if region.is_atomic and id(opener) in covered and (opener is not timeout.node or later):
            return region, ()
    for event in flow.events:
        if event.callee is None or id(event.node) not in covered:
            continue
        marks = [mark for mark in analysis.flow(event.callee).marks if mark.is_atomic]
        if marks:
            return marks[0], (event,)
        for region, chain in _opened_below(analysis, event):
            if region.is_atomic:
                return region, chain
    return None


def _opened_below(analysis: Analysis, event: Event) -> Iterator[tuple[Region, tuple[Event, ...]]]:
    """The regions that a call of the app's own function leads to."""
    if event.callee is None:
        return
    yield from ((region, (event,)) for region, _, _ in analysis.flow(event.callee).opened)
    for case in analysis.reached(event.callee):
        if case.event.callee is not None:
            chain = (event, *case.chain, case.event)
            yield from ((region, chain) for region, _, _ in analysis.flow(case.event.callee).opened)
