"""One run through a crash: to the point, death, and what a user would do then; everything that checks look at."""

from __future__ import annotations

import shutil
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from durable_dsl.testing.crash.child import Request
from durable_dsl.testing.crash.points import Event, Watch
from durable_dsl.testing.crash.stage import Outcome, Row, Stage, last_of, records_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from durable_dsl.engine.oplog.entries import Record
    from durable_dsl.testing.crash.processes import Processes

#: How long a process that is to be killed may take to get to its point.
_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Point:
    """Where a run crashes: at a named place, and then, in the recovery, at others."""

    name: str
    real: bool
    then: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " then ".join([self.name, *self.then])

    @staticmethod
    def parse(text: str, *, real: bool) -> Point:
        """The inverse of `str`."""
        name, *then = (part.strip() for part in text.split(" then "))
        return Point(name, real, tuple(then))


@dataclass(frozen=True, slots=True)
class Crash:
    """One death: where, on the way from where, and the file that was left."""

    event: Event
    events: tuple[Event, ...]
    entries: list[Row]
    payloads: list[Row]

    @property
    def records(self) -> list[Record]:
        return records_of(self.entries)


@dataclass(slots=True)
class Run:
    """What became of one run. The learning run is one without a crash."""

    point: Point | None = None
    crashes: list[Crash] = field(default_factory=list)
    #: What the caller got in the end; None if recovery itself broke, then `fault` says how.
    outcome: Outcome | None = None
    fault: str = ""
    #: What the processes did that were not killed.
    events: tuple[Event, ...] = ()
    effects: Counter[str] = field(default_factory=Counter)
    entries: list[Row] = field(default_factory=list)
    payloads: list[Row] = field(default_factory=list)
    #: The entries once more, after the finished history was replayed by another engine.
    replayed: list[Row] = field(default_factory=list)
    replay_fault: str = ""
    seconds: float = 0.0

    @property
    def records(self) -> list[Record]:
        return records_of(self.entries)


class Runner:
    """Makes runs of one stage, whose files go away in the end.

    `count` reads the effects, `before_each` puts the world outside back.
    """

    def __init__(
        self,
        stage: Stage,
        processes: Processes,
        *,
        count: Callable[[], Counter[str]],
        before_each: Callable[[], object] | None,
    ) -> None:
        self.stage = stage
        self._processes = processes
        self._count = count
        self._before_each = before_each

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.stage.folder)

    def learn(self) -> Run:
        """A run without a crash."""
        return self._whole(None)

    def crash(self, point: Point) -> Run:
        """A run with a crash, and its recovery. If the point is not reached there is no crash in it."""
        return self._whole(point)

    def _whole(self, point: Point | None) -> Run:
        started = time.perf_counter()
        if self._before_each is not None:
            self._before_each()
        data = self.stage.copy()
        run = Run(point)
        before = self._count()
        try:
            if point is not None and self._die_everywhere(run, point, data) and _way(run) == "resume":
                self._survive(run, data, "resume")
            run.outcome = self._survive(run, data, "run")
        except Exception:  # noqa: BLE001 - an engine that breaks is what this looks for
            run.fault = traceback.format_exc()
        run.entries, run.payloads = rows_of(data)
        run.effects = self._count() - before
        if not run.fault:
            self._replay(run, data)
        shutil.rmtree(data)
        run.seconds = time.perf_counter() - started
        return run

    def _die_everywhere(self, run: Run, point: Point, data: Path) -> bool:
        """The processes that are to die, one after the other; False where one ended by itself."""
        return all(self._die(run, data, at, _way(run)) for at in (point.name, *point.then))

    def _die(self, run: Run, data: Path, at: str, work: str) -> bool:
        assert run.point is not None
        last = last_of(data)
        if run.point.real:
            stage = self.stage
            ground = stage.ground
            what = (ground.data, ground.path, ground.interruptible, stage.export, stage.arguments, stage.options)
            answer = self._processes.run(Request(*what, data, work, at, last, _SECONDS))
            if answer.fault:
                raise RuntimeError(f"in the process that was to be killed: {answer.fault}")
            events, dead = answer.events, answer.ended == "killed"
        else:
            watch = Watch(last, at)
            self.stage.work(work, data, watch)
            events, dead = tuple(watch.events), watch.dead
        if dead:
            run.crashes.append(Crash(events[-1], events, *rows_of(data)))
        else:
            run.events += events
        return dead

    def _survive(self, run: Run, data: Path, work: str) -> Outcome | None:
        """A new process, with the same worker and key, that is left alone."""
        watch = Watch(last_of(data))
        outcome = self.stage.work(work, data, watch)
        run.events += tuple(watch.events)
        return outcome

    def _replay(self, run: Run, data: Path) -> None:
        """One more engine replays all of it, which must change nothing."""
        try:
            outcome = self.stage.work("resume", data)
        except Exception:  # noqa: BLE001 - as above
            run.replay_fault = traceback.format_exc()
        else:
            run.replay_fault = str(outcome) if outcome is not None and outcome.failure is not None else ""
        run.replayed, _ = rows_of(data)


def _way(run: Run) -> str:
    """How the worker is used next: by the call, or where a crash left it under way in half of the cases by `resume`."""
    if not run.crashes or sum(map(ord, run.crashes[0].event.point)) % 2:
        return "run"
    kinds = [record.kind for record in run.crashes[-1].records]
    return "resume" if kinds.count("exported-function-invoked") > kinds.count("exported-function-completed") else "run"
