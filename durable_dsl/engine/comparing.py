"""What a new build makes of the workers of a data directory, without running or changing anything.

    for one in compare(".durable", "orders.wasm"):
        print(one.worker, one.outcome, one.index, one.recorded, one.attempted)

Each worker's history is replayed on the new build as an automatic update would, on a copy of the directory. Whoever
ships the build knows then which workers `run` will move to it, and which it will refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from durable_dsl.engine.api import Engine
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.diagnosis.dry_run import DryBuild, DryRun, End, NotPerformed, Reached
from durable_dsl.engine.diagnosis.place import recorded_at
from durable_dsl.engine.directory.copying import copied
from durable_dsl.engine.errors import DamagedError, EngineError, UsageError
from durable_dsl.engine.oplog.cursor import describe
from durable_dsl.engine.oplog.entries import ExportedFunctionCompleted, ExportedFunctionInvoked
from durable_dsl.engine.redaction import redacted_text
from durable_dsl.engine.signals import Divergence, Exit, Failure
from durable_dsl.engine.traps import GuestTrap, UnknownExport

if TYPE_CHECKING:
    import os

    from durable_dsl.engine.invocations.component import LoadedComponent
    from durable_dsl.engine.oplog.cursor import ReplayRow
    from durable_dsl.engine.oplog.summary import Summary
    from durable_dsl.engine.worker.handle import Worker

#: `undecided`: the history has a persist-nothing zone whose calls would have to be performed. `damaged`: the worker's
#: own oplog cannot be read.
Verdict: TypeAlias = Literal["continues", "diverges", "undecided", "damaged"]
Progress = Callable[[Path], AbstractContextManager[object]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the new build makes of one worker.

    `version` is the build that the worker is on, None with its status where its oplog is damaged. Where the new one
    does not continue it, `index` is the oplog entry at which that shows, with what is `recorded` there and what is
    `attempted` instead; the places are in the sources of the old and the new build, as "orders.py:31 (place)", None
    where nobody knows.
    """

    worker: str
    version: int | None
    status: str | None
    entries: int
    outcome: Verdict
    index: int | None = None
    recorded: str | None = None
    recorded_at: str | None = None
    attempted: str | None = None
    attempted_at: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(
    data: str | os.PathLike[str],
    component: str | os.PathLike[str],
    *,
    workers: Iterable[str] = (),
    while_compiling: Progress | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> list[Comparison]:
    """Replay the workers of the component's name in `data` on the build `component`, by name; `workers` picks some.

    `progress` is told before each worker how many were replayed, and of how many.
    Raises UsageError where there is no such worker, or the directory has none of this component.
    """
    with (
        copied(Path(data)) as copy,
        Engine.open(
            copy, clock=SkippingClock(), output=lambda _level, _data: None, while_compiling=while_compiling
        ) as engine,
    ):
        loaded = engine.load(component)
        new = DryBuild(loaded)
        old: dict[int, DryBuild | None] = {}
        chosen = _chosen(engine, loaded, tuple(workers), data)
        found = []
        for number, worker in enumerate(chosen):
            if progress is not None:
                progress(number, len(chosen))
            found.append(_compared(worker, new, old))
        return found


def _chosen(
    engine: Engine, component: LoadedComponent, names: tuple[str, ...], data: str | os.PathLike[str]
) -> list[Worker]:
    found = {worker.name: worker for worker in engine.workers()}
    mine = {name: worker for name, worker in found.items() if worker.component == component.name}
    for name in names:
        if name not in found:
            raise UsageError(f"there is no worker {name!r} in {Path(data)}")
        if name not in mine:
            raise UsageError(f"worker {name!r} belongs to component {found[name].component!r}, not {component.name!r}")
    if not mine:
        others = ", ".join(sorted({worker.component for worker in found.values()}))
        has = f"its workers belong to: {others}" if others else "it has no workers"
        raise UsageError(f"{Path(data)} has no workers of component {component.name!r}", has)
    return [worker for name, worker in mine.items() if not names or name in names]


def _compared(worker: Worker, new: DryBuild, old: dict[int, DryBuild | None]) -> Comparison:
    try:
        return _replayed(worker, new, old)
    except DamagedError as damage:
        return Comparison(worker.name, None, None, worker.oplog_index, "damaged", damage.index)


def _replayed(worker: Worker, new: DryBuild, old: dict[int, DryBuild | None]) -> Comparison:
    summary = worker.summary()
    facts = (worker.name, summary.version, summary.status, summary.last)
    regions, snapshot = summary.skipped, summary.snapshot
    pending = summary.pending_update
    if pending is not None and pending.mode == "snapshot-based":  # the worker will start from it
        regions, snapshot = regions.adding([(2, pending.index)]), pending.index
    run = DryRun(worker, new, regions, summary.last, snapshot=snapshot)
    end = run.run()
    match end:
        case Reached():
            return Comparison(*facts, "continues")
        case DamagedError():
            raise end
        case NotPerformed():
            at = run.session.host.cursor.index
            said = f"{end.call}, in a persist-nothing zone"
            return Comparison(*facts, "undecided", at, None, None, said, run.place)
    index, *texts = _difference(run, end)
    recorded, attempted = map(redacted_text, texts)
    row = next(iter(worker.engine.store.rows(worker.id, "AND idx = ?", (index,))), None)
    recorded_place = _recorded_at(worker, old, summary, row)
    place = run.place
    if place is None and row is not None and row[2] == ExportedFunctionCompleted.kind:
        place = new.component.line_of(_function(worker, row))
    return Comparison(*facts, "diverges", index, recorded, recorded_place, attempted, place)


def _difference(run: DryRun, end: End) -> tuple[int, str, str]:
    """At which entry: what it records, what was attempted."""
    if isinstance(end, Divergence):
        return end.index, end.recorded, end.attempted
    cursor = run.session.host.cursor
    row = cursor.peek()
    if isinstance(end, EngineError):  # nothing ran: the entry that was taken last does not fit
        rows = run.session.host.log.store.rows(run.session.host.worker.id, "AND idx = ?", (cursor.index,))
        row = rows[0] if rows else row
    assert row is not None
    recorded = f"result {row[6]}" if row[2] == ExportedFunctionCompleted.kind else describe(row)
    return row[0], recorded, _said(run, end)


def _said(run: DryRun, end: End) -> str:
    if isinstance(end, UnknownExport):
        return f"the new build has no export {end.name}"
    if isinstance(end, (GuestTrap, Failure)):
        return run.failure or str(end)
    if isinstance(end, Exit):
        return f"exit({end.status})"
    return str(end)


def _recorded_at(
    worker: Worker, old: dict[int, DryBuild | None], summary: Summary, row: ReplayRow | None
) -> str | None:
    """Where in the source of the worker's own build the entry comes from."""
    version = summary.version
    if version not in old:
        try:
            old[version] = DryBuild(worker.engine.component_of(worker.component, version))
        except EngineError:  # its file is not in the directory any more
            old[version] = None
    build = old[version]
    if build is None or row is None or row[2] == ExportedFunctionInvoked.kind:
        return None
    if row[2] == ExportedFunctionCompleted.kind:
        return build.component.line_of(_function(worker, row))
    return recorded_at(worker, build, summary, row[0])


def _function(worker: Worker, completed: ReplayRow) -> str:
    """The export whose completion an entry records."""
    condition = "AND idx < ? AND kind = 'exported-function-invoked'"
    return worker.engine.store.rows(worker.id, condition, (completed[0],))[-1][3] or ""
