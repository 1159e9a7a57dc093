"""What is reached from where: calls followed through the app's own functions, with the regions met on the way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from durable_codegen.analysis.reading.flow import flow_of
from durable_codegen.analysis.reading.names import Names
from durable_codegen.analysis.reading.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from durable_codegen.analysis.reading.flow import Event, Flow
    from durable_codegen.analysis.reading.program import Function
    from durable_codegen.analysis.reading.regions import Region
    from durable_codegen.app.modules import Module

__all__ = ["Analysis", "Case", "way_of"]

#: How many ways into one function are looked at; past that an app is no longer one that a person could follow.
_WAYS = 4000


@dataclass(frozen=True, eq=False)
class Case:
    """An event as it is reached from a function: the calls to it, and all regions around it, outermost first."""

    event: Event
    chain: tuple[Event, ...]
    regions: tuple[Region, ...]

    @property
    def first(self) -> Event:
        """The event in the function that one starts from: the first call, or the event itself."""
        return self.chain[0] if self.chain else self.event

    @property
    def way(self) -> str:
        """`place → pay (orders.py:12) → send (pay.py:7)`, or "" without calls."""
        return way_of(self.chain)


def way_of(chain: tuple[Event, ...]) -> str:
    """`place → pay (orders.py:12) → send (pay.py:7)`, or "" without calls."""
    if not chain:
        return ""
    names = [chain[0].function.name]
    names += [f"{call.callee.name} ({call.place})" for call in chain if call.callee is not None]
    return " → ".join(names)


class Analysis:
    """One program, its flows, and what is reached from each function."""

    def __init__(self, modules: Mapping[str, Module]) -> None:
        self.program = Program(modules)
        self.names = Names(self.program)
        self._flows: dict[str, Flow] = {}
        self._reached: dict[str, tuple[Case, ...]] = {}
        self._around: dict[str, list[tuple[tuple[Region, ...], tuple[Event, ...]]]] = {}

    def flow(self, function: Function) -> Flow:
        """What happens in one function."""
        if function.path not in self._flows:
            self._flows[function.path] = flow_of(function, self.names)
        return self._flows[function.path]

    def flows(self) -> Iterator[Flow]:
        """The flows of all of the app's own functions, and of its modules."""
        return (self.flow(function) for function in self.program.app_functions())

    def reached(self, function: Function) -> tuple[Case, ...]:
        """Every event that calling the function may lead to, nearest first; each once per stack of regions."""
        if function.path not in self._reached:
            self._reached[function.path] = tuple(self._search(function))
        return self._reached[function.path]

    def from_event(self, event: Event) -> Iterator[Case]:
        """What an event of a function leads to: itself, or all that the call reaches."""
        yield Case(event, (), event.regions)
        if event.callee is not None:
            for case in self.reached(event.callee):
                yield Case(case.event, (event, *case.chain), (*event.regions, *case.regions))

    def cases(self) -> Iterator[Case]:
        """What is reached inside regions, from each function that opens one, nearest first."""
        found = [
            case for flow in self.flows() for event in flow.events if event.regions for case in self.from_event(event)
        ]
        return iter(sorted(found, key=lambda case: len(case.chain)))

    def around(self, function: Function) -> list[tuple[tuple[Region, ...], tuple[Event, ...]]]:
        """The stacks of regions that the function is called under, nearest callers first, with the calls to it."""
        if function.path in self._around:
            return self._around[function.path]
        found: list[tuple[tuple[Region, ...], tuple[Event, ...]]] = []
        waiting: deque[tuple[Function, tuple[Region, ...], tuple[Event, ...]]] = deque([(function, (), ())])
        while waiting and len(found) < _WAYS:
            at, regions, chain = waiting.popleft()
            for call in self._callers.get(at.path, ()):
                if any(call is each for each in chain):
                    continue
                way = ((*call.regions, *regions), (call, *chain))
                found.append(way)
                waiting.append((call.function, *way))
        self._around[function.path] = found
        return found

    @cached_property
    def _callers(self) -> dict[str, list[Event]]:
        callers: dict[str, list[Event]] = {}
        for flow in self.flows():
            for event in flow.events:
                if event.callee is not None:
                    callers.setdefault(event.callee.path, []).append(event)
        return callers

    def _search(self, start: Function) -> Iterator[Case]:
        waiting: deque[tuple[Function, tuple[Event, ...], tuple[Region, ...]]] = deque([(start, (), ())])
        seen: set[tuple[str, tuple[Region, ...]]] = {(start.path, ())}
        found: set[tuple[int, tuple[Region, ...]]] = set()
        while waiting:
            function, chain, regions = waiting.popleft()
            for event in self.flow(function).events:
                stack = (*regions, *event.regions)
                key = (id(event), stack)
                if key not in found:
                    found.add(key)
                    yield Case(event, chain, stack)
                callee = event.callee
                if callee is not None and (callee.path, stack) not in seen and len(seen) < _WAYS:
                    # A recursion would pile up its own regions again and again.
                    if event.regions and (callee is start or any(each.callee is callee for each in chain)):
                        continue
                    seen.add((callee.path, stack))
                    waiting.append((callee, (*chain, event), stack))
