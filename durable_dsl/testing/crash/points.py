"""Where a run can crash: every place that the engine passes, named so that it is the same place in every run.

A name is an oplog index and a word, `12:effect`:

    record    entry 12 was added; unless something had it committed it is in memory only
    write     entries up to 12 are in a database transaction that is not at its end
    commit    entries up to 12 are on disk
    before    a host call is about to do what it does; entry 12 is going to be its record
    effect    it has done it, and entry 12 is not there yet
    answer    the call is complete, entry 12 is the last, and the guest has not had its answer

Calls inside a persist-nothing zone leave no record, so several places there would share a name: the second is
`12:effect#2`. In a worker that the tested one has called the name ends with that worker's number in the database:
`12:effect@2`. Names mean the same only as long as the guest does the same, which one that waits for the network may
not; `event 57` is the 58th place on the way, whatever it is.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from durable_dsl.engine.oplog.entries import Entry
    from durable_dsl.engine.oplog.probe import Place
    from durable_dsl.engine.replay.host import Host

#: The places in the order in which they are reported, and what a crash there means.
PLACES = {
    "record": "entry {index} ({name}) was added and is not on disk",
    "write": "entries up to {index} were being written, the transaction was not at its end",
    "commit": "entries up to {index} had just come to disk",
    "before": "before the effect of {name}",
    "effect": "after the effect of {name}, before its record",
    "answer": "after the record of {name}, before the guest had its answer",
}

PERSIST_NOTHING = "persist-nothing"


class Crashed(BaseException):
    """Stands for the death of the process where a crash is only simulated; nothing may catch it."""


@dataclass(frozen=True, slots=True)
class Event:
    """The engine was at `point`. `name` is the host call's or the entry's, the rest is how things stood there.

    `worker` is 0 for the worker that is tested, else the number of one that it has called.
    """

    point: str
    place: str
    index: int
    name: str
    type: str = ""
    worker: int = 0
    on_disk: int = 0
    zone: bool = False
    idempotent: bool = True

    @property
    def meaning(self) -> str:
        said = PLACES[self.place].format(index=self.index, name=self.name)
        return f"in worker {self.worker}, which was called: {said}" if self.worker else said


@dataclass(slots=True)
class _Log:
    """How far the oplog of a worker goes, in memory and on disk."""

    last: int
    on_disk: int
    host: Host | None = None


class Watch:
    """Listens to the engine, notes where it gets to, and lets the process die at one place.

    `at` is the name of a point; None lets the run go to its end. `die` does not return. A `Crashed` that it raises is
    raised again wherever else the engine goes, so that nothing is written on the way out. `last` is the last entry of
    the worker that `follow` names.
    """

    def __init__(self, last: int, at: str | None = None, die: Callable[[], NoReturn] | None = None) -> None:
        self.events: list[Event] = []
        self.dead = False
        self._at = at
        self._die = die or crash
        self._names: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._followed = self._current = 0
        self._first = _Log(last, last)
        self._logs: dict[int, _Log] = {}

    def follow(self, worker: int) -> None:
        """This is the worker whose places have plain names."""
        self._followed = self._current = worker
        self._logs[worker] = self._first

    # What the engine calls

    def called(self, place: Place, host: Host, name: str, function_type: str) -> None:
        log = self._log(host.log.worker, host.log.last)
        log.host = host
        self._pass(place, host.log.worker, host.log.last + (place != "answer"), name, function_type)

    def added(self, worker: int, index: int, entry: Entry) -> None:
        self._log(worker, index - 1).last = index
        self._current = worker
        self._pass("record", worker, index, getattr(entry, "function", None) or entry.kind, entry.kind)

    def committed(self, worker: int, index: int) -> None:
        log = self._log(worker, index)
        log.last, log.on_disk = max(log.last, index), index
        self._pass("commit", worker, index, "commit")

    def writing(self) -> None:
        """Inside every transaction, before its end."""
        log = self._log(self._current, 0)
        self._pass("write", self._current, log.last if log.last > log.on_disk else log.last + 1, "commit")

    def _log(self, worker: int, last: int) -> _Log:
        return self._logs.setdefault(worker, _Log(last, last))

    def _pass(self, place: str, worker: int, index: int, name: str, type_: str = "") -> None:
        with self._lock:
            if self.dead:
                raise Crashed
            log = self._logs[worker]
            other = worker if worker != self._followed else 0
            point = f"{index}:{place}@{other}" if other else f"{index}:{place}"
            self._names[point] += 1
            if self._names[point] > 1:
                point = f"{point}#{self._names[point]}"
            number = len(self.events)
            event = Event(point, place, index, name, type_, other, log.on_disk)
            if log.host is not None:
                event = replace(event, zone=log.host.level == PERSIST_NOTHING, idempotent=log.host.idempotent)
            self.events.append(event)
            if self._at is not None and self._at in {point, event_name(number)}:
                self.dead = True
                self._die()


def event_name(number: int) -> str:
    """The name of the place that comes after `number` others."""
    return f"event {number}"


def crash() -> NoReturn:
    """End the run as the death of the process would, as far as the engine can tell."""
    raise Crashed


def choose(events: Sequence[Event], count: int | None, seed: int) -> list[Event]:
    """`count` of the events in their order, or all; every kind of place gets its share, then chance decides."""
    if count is None or count >= len(events):
        return list(events)
    chance = random.Random(seed)  # noqa: S311 - a sample that anybody can draw again
    groups: dict[tuple[str, str], list[int]] = {}
    for number, event in enumerate(events):
        groups.setdefault((event.place, event.name), []).append(number)
    stacks = [chance.sample(numbers, len(numbers)) for numbers in groups.values()]
    chance.shuffle(stacks)
    chosen: list[int] = []
    while len(chosen) < count:
        for stack in stacks:
            if stack and len(chosen) < count:
                chosen.append(stack.pop())
    return [events[number] for number in sorted(chosen)]
