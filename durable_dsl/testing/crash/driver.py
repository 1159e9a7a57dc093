"""The crash driver: let an invocation die everywhere, recover it each time, and check what durability promises.

    def test_an_order_survives(crash_driver, payment_server):
        report = crash_driver.run(
            "orders.py", "place", order, effects=payment_server.effects, allow_http=[payment_server.address]
        )

A first run without a crash learns the oplog and the places where a crash can come (`points`). Then for each
chosen place the same invocation runs to it and dies: a process is killed with SIGKILL there, or the engine is
abandoned in this process without writing what it has in memory. A fresh engine on the same data directory, with the
same worker and idempotency key, has to bring it to the same end (`checks`).
"""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from durable_dsl.testing.crash.report import CrashFailure, Report, Tried, told
from durable_dsl.testing.effects import Effects, counted

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from durable_dsl.engine.worker.handle import Worker
    from durable_dsl.testing.crash.checks import Bounds
    from durable_dsl.testing.crash.points import Event
    from durable_dsl.testing.crash.processes import Processes
    from durable_dsl.testing.crash.run import Point, Run, Runner
    from durable_dsl.testing.crash.stage import Ground

#: What share of the points kills a real process unless a test says otherwise.
REAL = 0.25


class CrashDriver:
    """The fixture `crash_driver`. `folder` is its own; `modules` are imported in the processes that are killed."""

    def __init__(self, folder: Path, *, modules: Sequence[str] = (), defaults: Mapping[str, Any] | None = None) -> None:
        self._folder = folder
        self._modules = tuple(modules)
        self._defaults = {"sample": None, "real": REAL, "seed": 0, **(defaults or {})}
        self._processes: Processes | None = None
        self._grounds: dict[tuple[Path, int, int, bool], Ground] = {}
        self._stages = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the helper process."""
        if self._processes is not None:
            self._processes.close()

    def run(
        self,
        component_or_app: str | os.PathLike[str],
        export: str,
        *arguments: Any,
        effects: Effects | None = None,
        expect: Mapping[str, Bounds] | None = None,
        same: Callable[[Any, Any], bool] | None = None,
        check: Callable[[Run], object] | None = None,
        setup: Callable[[Worker], object] | None = None,
        before_each: Callable[[], object] | None = None,
        answers: Sequence[object] = (),
        sample: int | None = None,
        real: float | None = None,
        crashes: int = 1,
        only: str | None = None,
        seed: int | None = None,
        **engine_options: Any,
    ) -> Report:
        """Run `export` with `arguments` through crashes; raises CrashFailure where something does not hold.

        `component_or_app`: a `.wasm` file, or an app (`.py` file or package folder), which is built.
        `effects()` reads what the world outside has counted so far: a mapping of label to number, a list with one
        label per effect, or a number. `expect` bounds labels (a number, or least and most); all others may be done
        again only as often as the regions allow.
        `same(expected, actual)` compares results, `==` by default; a failure is given as a `Failure(type, message)`.
        `check(run)` may assert more about each run.
        `setup(worker)` makes earlier invocations; `before_each()` puts the world outside back before each run.
        `answers` are what the worker's promises are completed with, in the order in which it makes them.
        `sample` points are tried, all by default; a share `real` of them kills a process. With `crashes` above 1 the
        recovery dies too, at places drawn from `seed`. `only` is one point of an earlier report.
        Anything else goes to `Engine.open`. Time is skipped.
        """
        from durable_dsl.engine.directory.promises import data_of
        from durable_dsl.testing.crash.checks import equal, wrong_with
        from durable_dsl.testing.crash.points import event_name
        from durable_dsl.testing.crash.processes import Processes

        __tracebackhide__ = True  # pytest shows the test's line, and the report
        started = time.perf_counter()
        settings = self._settings(sample=sample, real=real, seed=seed)
        if answers:
            engine_options["answers"] = tuple(data_of(answer) for answer in answers)
        if settings["real"]:
            Processes.refuse_unsendable(arguments, engine_options)
        runner = self._runner(component_or_app, export, arguments, engine_options, setup, effects, before_each)
        with runner:
            learned = runner.learn()
            _refuse_broken(learned)
            report = Report(export, len(learned.events), learned.effects, str(learned.outcome))
            judged = (expect or {}) if effects is not None else None
            for point, number in _points(learned.events, only, crashes, settings):
                run = runner.crash(point)
                if not run.crashes and number is not None:  # another way this time: the same distance along it
                    run = runner.crash(replace(point, name=event_name(number)))
                wrong = wrong_with(run, learned, same=same or equal, expect=judged) or _checked(check, run)
                report.tried.append(_tried(run, wrong))
                if wrong is not None:
                    report.failures.append(told(run, wrong))
        report.seconds = time.perf_counter() - started
        if report.failures:
            raise CrashFailure(report)
        return report

    def _settings(self, **given: Any) -> dict[str, Any]:
        return {**self._defaults, **{name: value for name, value in given.items() if value is not None}}

    def _runner(
        self,
        component_or_app: str | os.PathLike[str],
        export: str,
        arguments: tuple[Any, ...],
        options: Mapping[str, Any],
        setup: Callable[[Worker], object] | None,
        effects: Effects | None,
        before_each: Callable[[], object] | None,
    ) -> Runner:
        from durable_dsl.testing.building import component_of
        from durable_dsl.testing.crash.processes import Processes
        from durable_dsl.testing.crash.run import Runner
        from durable_dsl.testing.crash.stage import Stage

        if self._processes is None:
            self._processes = Processes(self._folder, self._modules)
        self._stages += 1
        ground = self._ground(component_of(component_or_app), interruptible=options.get("timeout") is not None)
        stage = Stage(self._folder / f"stage-{self._stages}", ground, export, arguments, options)
        stage.prepare(setup)

        def count() -> Counter[str]:
            return Counter() if effects is None else counted(effects())

        return Runner(stage, self._processes, count=count, before_each=before_each)

    def _ground(self, component: Path, *, interruptible: bool) -> Ground:
        """The component in a data directory, loaded once per content."""
        from durable_dsl.testing.crash.stage import Ground

        facts = component.stat()
        key = (component, facts.st_size, facts.st_mtime_ns, interruptible)
        known = self._grounds.get(key)
        if known is None:
            data = self._folder / f"ground-{len(self._grounds)}"
            known = self._grounds[key] = Ground(data, component, interruptible=interruptible)
        return known


def _points(
    events: Sequence[Event], only: str | None, crashes: int, settings: Mapping[str, Any]
) -> list[tuple[Point, int | None]]:
    """Which points are tried, how, and the number of each on the way without a crash: the same for the same seed."""
    from durable_dsl.testing.crash.points import choose, event_name
    from durable_dsl.testing.crash.run import Point

    if only is not None:
        return [(Point.parse(only, real=settings["real"] >= 1), None)]
    numbers = {event.point: number for number, event in enumerate(events)}
    chance = random.Random(settings["seed"])  # noqa: S311 - a sample that anybody can draw again
    chosen = choose(events, settings["sample"], settings["seed"])
    killed = set(chance.sample(range(len(chosen)), round(float(settings["real"]) * len(chosen))))
    points: list[tuple[Point, int | None]] = []
    for at, event in enumerate(chosen):
        then = tuple(event_name(chance.randrange(len(events))) for _ in range(crashes - 1))
        points.append((Point(event.point, at in killed, then), numbers[event.point]))
    return points


def _tried(run: Run, wrong: str | None) -> Tried:
    point = run.point
    assert point is not None
    place = run.crashes[0].event.place if run.crashes else "none"
    return Tried(str(point), place, point.real, bool(run.crashes), run.effects, run.seconds, wrong)


def _checked(check: Callable[[Run], object] | None, run: Run) -> str | None:
    """What the caller's own check finds wrong."""
    if check is None:
        return None
    import pytest

    try:
        check(run)
    except (AssertionError, pytest.fail.Exception) as error:
        return str(error) or "the check given to crash_driver.run failed"
    return None


def _refuse_broken(learned: Run) -> None:
    """Without a whole run there is nothing to compare with."""
    from durable_dsl.testing.crash.checks import disk_before_answer, finished, nothing_left_open, replay_changes_nothing

    wrong = finished(learned) or nothing_left_open(learned) or replay_changes_nothing(learned)
    wrong = wrong or disk_before_answer(learned.events)
    if wrong is not None:
        raise AssertionError(f"already without a crash: {wrong}")
