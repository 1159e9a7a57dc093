"""`durable-dsl explain`: for each export, what happens in which order, and what a crash at each point does again.

The result is plain data, the form of `--json`, and the build puts it into the component. Calls of the app's own
functions are followed in the order of the source; a loop's body stands once, both branches of an `if` stand.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from durable_codegen.analysis.explain.semantics import COMMITTING, COMMITTING_FIRST, fate, outermost_atomic, region_says
from durable_codegen.analysis.explain.text import numbered
from durable_codegen.analysis.findings.concurrency import one_by_one
from durable_codegen.analysis.findings.swallowing import ended_by_hand
from durable_codegen.analysis.reading.effects import REMOTE
from durable_codegen.analysis.reading.regions import BRACKETS, host_word

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from durable_codegen.analysis.reading.exports import Exported
    from durable_codegen.analysis.reading.flow import Event
    from durable_codegen.analysis.reading.program import Function
    from durable_codegen.analysis.reading.reach import Analysis
    from durable_codegen.analysis.reading.regions import Region

__all__ = ["explain"]

#: Steps of one export that are shown; past that nobody reads on.
_MOST: Final = 300
_DEEPEST: Final = 30
#: Calls that are followed, however few effects they lead to.
_MOST_CALLS: Final = 5_000


@dataclass(frozen=True, eq=False)
class _Step:
    """An event with the calls that lead to it, and for each region around it which entering of it this is."""

    event: Event
    chain: tuple[Event, ...]
    regions: tuple[tuple[Region, tuple[int, ...]], ...]

    @property
    def stack(self) -> tuple[Region, ...]:
        return tuple(region for region, _ in self.regions)

    @property
    def repeated_with(self) -> tuple[Region, tuple[int, ...]] | None:
        """The outermost atomic region, as entered here."""
        return next((entered for entered in self.regions if entered[0].is_atomic), None)


def explain(analysis: Analysis, exports: Sequence[Exported], *, overlapping: bool = False) -> list[dict[str, Any]]:
    """The explanation of each export, in the form of `--json`; `overlapping`: the settings let requests overlap."""
    return [_Explained(analysis, each, overlapping=overlapping).data() for each in exports]


class _Explained:
    def __init__(self, analysis: Analysis, exported: Exported, *, overlapping: bool) -> None:
        self.analysis = analysis
        self.overlapping = overlapping
        self.exported = exported
        self.cut = False
        self.visits = 0
        self.matters: dict[str, bool] = {}
        self.steps: list[_Step] = []
        self.unknown: list[_Step] = []
        self.operations: dict[str, Function] = {}
        self.opened: dict[Region, tuple[Region, ...]] = {}
        self._follow(exported.function, (), ())

    def data(self) -> dict[str, Any]:
        function = self.exported.function
        steps = [self._step(number, step) for number, step in enumerate(self.steps, 1)]
        return {
            "name": self.exported.name,
            "file": function.module.file,
            "line": function.line,
            "regions": [self._region(region, around) for region, around in self.opened.items()],
            "steps": steps,
            "compensations": list(self._compensations()),
            "not_followed": list(self._not_followed()),
            "complete": not self.cut,
            "summary": list(self._summary(steps)),
        }

    def _follow(
        self, function: Function, chain: tuple[Event, ...], around: tuple[tuple[Region, tuple[int, ...]], ...]
    ) -> None:
        flow = self.analysis.flow(function)
        entered = tuple(id(call) for call in chain)
        stack = tuple(region for region, _ in around)
        for region, outer, _ in flow.opened:
            self.opened.setdefault(region, (*stack, *outer))
            if region.word == "operation":
                self.operations[function.path] = function
        for event in flow.events:
            step = _Step(event, chain, (*around, *((region, entered) for region in event.regions)))
            if event.effect is not None:
                if host_word(event.effect.path) in BRACKETS:
                    continue  # the region says it
                if len(self.steps) >= _MOST:
                    self.cut = True
                    return
                self.steps.append(step)
            elif event.unknown is not None:
                self.unknown.append(step)
            elif event.callee is not None and len(chain) < _DEEPEST:
                is_recursion = event.callee is function or any(call.callee is event.callee for call in chain)
                if not is_recursion and self._matters(event.callee):
                    self._follow(event.callee, (*chain, event), step.regions)

    def _matters(self, function: Function) -> bool:
        """Whether anything is to be said of what a function leads to; most of an app only computes."""
        if self.visits >= _MOST_CALLS:
            self.cut = True
            return False
        self.visits += 1
        if function.path not in self.matters:
            cases = self.analysis.reached(function)
            functions = [function, *(case.event.callee for case in cases if case.event.callee is not None)]
            self.matters[function.path] = any(
                case.event.effect is not None or case.event.is_library for case in cases
            ) or any(self.analysis.flow(each).opened for each in functions)
        return self.matters[function.path]

    def _step(self, number: int, step: _Step) -> dict[str, Any]:
        effect = step.event.effect
        assert effect is not None
        what = fate(effect, step.stack)
        undo = self._undo_of(step) if effect.kind in REMOTE else None
        return {
            "number": number,
            "file": step.event.function.module.file,
            "line": step.event.line,
            "function": step.event.function.name,
            "what": effect.what,
            "kind": effect.kind,
            "inside": [region.word for region in step.stack],
            "calls": [
                {"file": call.function.module.file, "line": call.line, "function": call.callee.name}
                for call in step.chain
                if call.callee is not None
            ],
            "how_often": what.how_often,
            "after_crash": what.after_crash,
            "again": self._again(number, step, itself=what.again),
            "undone_by": undo.name if undo is not None else None,
        }

    def _again(self, number: int, step: _Step, *, itself: bool) -> list[int]:
        """The steps that are performed again if the process dies in this one."""
        found = set()
        for other, each in enumerate(self.steps[: number - 1], 1):
            assert each.event.effect is not None
            in_region = step.repeated_with is not None and each.repeated_with == step.repeated_with
            performed = each.event.effect.kind != "print" and any(region.records_nothing for region in each.stack)
            if in_region or performed:
                found.add(other)
        return sorted(found | self._not_on_disk(number) | ({number} if itself else set()))

    def _not_on_disk(self, number: int) -> set[int]:
        """The steps that a crash repeats because the end of an atomic region before this step is not on disk yet.

        An end is not committed by itself. Until something commits, a crash loses it, and the region begins again.
        """
        begin: int | None = None
        for step, following in itertools.pairwise(self.steps[:number]):
            if _commits(step):
                begin = None
            if begin is None and step.repeated_with not in {None, following.repeated_with}:
                begin = next(n for n, each in enumerate(self.steps, 1) if each.repeated_with == step.repeated_with)
            if _commits_between(step, following):
                begin = None
        last = self.steps[number - 1].event.effect
        assert last is not None
        return set() if begin is None or last.kind in COMMITTING_FIRST else set(range(begin, number))

    def _undo_of(self, step: _Step) -> Function | None:
        inner = [region for region in step.stack if region.word == "operation"]
        if not inner or not any(region.word == "transaction" for region in step.stack):
            return None
        return self.analysis.program.functions.get(str(inner[0].given.get("compensate")))

    def _compensations(self) -> Iterator[dict[str, Any]]:
        for function in self.operations.values():
            mark = next((each for each in self.analysis.flow(function).marks if each.word == "operation"), None)
            undo = self.analysis.program.functions.get(str(mark.given.get("compensate"))) if mark is not None else None
            yield {
                "operation": function.name,
                "file": function.module.file,
                "line": function.line,
                "undo": undo.name if undo is not None else None,
                "undo_file": undo.module.file if undo is not None else None,
                "undo_line": undo.line if undo is not None else None,
                "effects": [] if undo is None else list(self._effects(undo)),
            }

    def _effects(self, undo: Function) -> Iterator[dict[str, Any]]:
        seen = set()
        for case in self.analysis.reached(undo):
            effect = case.event.effect
            if effect is not None and effect.kind in REMOTE | {"file-write"} and id(case.event) not in seen:
                seen.add(id(case.event))
                what = fate(effect, case.regions)
                yield {
                    "file": case.event.function.module.file,
                    "line": case.event.line,
                    "what": effect.what,
                    "how_often": what.how_often,
                }

    def _not_followed(self) -> Iterator[dict[str, Any]]:
        """Calls of libraries, which may have effects that are not shown."""
        seen = set()
        for step in self.unknown:
            event = step.event
            key = (event.unknown, event.line)
            if event.is_library and key not in seen:
                seen.add(key)
                yield {"file": event.function.module.file, "line": event.line, "call": event.unknown}

    def _region(self, region: Region, around: tuple[Region, ...]) -> dict[str, Any]:
        return {
            "word": region.word,
            "text": str(region),
            "file": region.file,
            "line": region.line,
            "end": region.end,
            "origin": region.origin,
            "of_export": region in self.analysis.flow(self.exported.function).marks,
            "says": region_says(region, around, ends_on_failure=self._ends_on_failure(region)),
        }

    def _ends_on_failure(self, region: Region) -> bool:
        if region.origin != "by hand" or not region.is_atomic:
            return False
        flow = self.analysis.flow(self.analysis.program.functions[region.function])
        return any(True for _ in ended_by_hand(self.analysis, flow))

    def _summary(self, steps: list[dict[str, Any]]) -> Iterator[str]:
        """The export in a few sentences."""
        marks = self.analysis.flow(self.exported.function).marks
        atomic = outermost_atomic(marks)
        if not steps:
            is_region = any(region.is_atomic for region in self.opened)
            done = "it is done again as a whole" if is_region else "its replay computes the same again"
            yield f"Calls nothing outside, as far as can be seen: after a crash {done}."
        elif atomic is not None:
            yield "One atomic region: after a crash or a failure all of it is done again, until its end is on record."
        elif any(region.is_atomic for region in self.opened):
            yield "After a crash it goes on where it was; an atomic region that has not ended is done again as a whole."
        else:
            yield "After a crash it goes on where it was: what is on record is answered from the record."
        repeats = any(
            each.is_atomic or (each.word == "transaction" and each.given.get("retry")) for each in self.opened
        )
        if steps and not repeats:
            yield "A failure is on record like any other outcome: retries repeat nothing, they fail in the same place."
        for how_often in ("at most once", "at least once", "on each recovery"):
            numbers = [step["number"] for step in steps if step["how_often"] == how_often and step["kind"] != "print"]
            if numbers:
                yield f"{how_often[0].upper()}{how_often[1:]}: {numbered(numbers)}."
        functions = {each.function for step in self.steps for each in (*step.chain, step.event)}
        for function, call, _ in () if self.overlapping else one_by_one(self.analysis):
            if function in functions:
                place = f"{function.module.file}:{call.lineno}"
                yield f"Requests of the tasks at {place} go one after another (DSL523)."
        if self.cut:
            yield f"Only the first {_MOST} steps are shown."


def _commits(step: _Step) -> bool:
    """Whether everything is on disk once a step has returned."""
    effect = step.event.effect
    assert effect is not None
    return effect.kind in COMMITTING and not any(region.records_nothing for region in step.stack)


def _commits_between(step: _Step, following: _Step) -> bool:
    """Whether everything is put on disk between two steps: a commit region ends, or the level is set."""
    left, entered = set(step.regions) - set(following.regions), set(following.regions) - set(step.regions)
    return any(region.word == "commit" for region, _ in left) or any(
        region.word == "persist" for region, _ in left | entered
    )
