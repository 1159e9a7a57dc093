"""What the crash driver says: a table of what was tried, and for a failure the oplog around it and how to repeat it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from durable_dsl.testing.crash.points import PLACES

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.entries import Record
    from durable_dsl.testing.crash.run import Crash, Run

#: How many entries are shown on either side of a crash, and how much of each value.
_AROUND = 6
_WIDTH = 60
#: How many failures are told in full.
_TOLD = 3


@dataclass(frozen=True, slots=True)
class Tried:
    """One point that was tried. `place` is its kind, `real` whether a process was killed, `wrong` what did not hold."""

    point: str
    place: str
    real: bool
    reached: bool
    effects: Counter[str]
    seconds: float
    wrong: str | None = None


@dataclass(slots=True)
class Report:
    """All that `crash_driver.run` did. `effects` are those of a run without a crash, `available` how many points there
    were to choose from."""

    export: str
    available: int
    effects: Counter[str]
    result: str
    tried: list[Tried] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def points(self) -> int:
        """How many points were tried."""
        return len(self.tried)

    @property
    def killed(self) -> int:
        """How many of them by killing a process."""
        return sum(one.real for one in self.tried)

    @property
    def missed(self) -> list[str]:
        """Points that a run did not come to: the guest does not do the same each time."""
        return [one.point for one in self.tried if not one.reached]

    def by_place(self) -> dict[str, int]:
        """How many points of each kind were tried."""
        found = Counter(one.place for one in self.tried)
        return {place: found[place] for place in PLACES if found[place]}

    def __str__(self) -> str:
        told = f"{self.points} of {self.available} crash points of {self.export}, {self.killed} by killing a process"
        lines = [f"{told}, in {self.seconds:.1f} s: {len(self.failures)} failed"]
        if self.missed:
            lines.append(f"  not reached, since the guest did something else: {', '.join(self.missed)}")
        head = f"  {'place':<8}{'points':>7}{'killed':>8}{'seconds':>9}"
        lines.append(f"{head}  effects: {_counts(self.effects)} without a crash")
        for place in self.by_place():
            group = [one for one in self.tried if one.place == place]
            labels = sorted({*self.effects, *(label for one in group for label in one.effects)})
            spans = [_span(label, [one.effects[label] for one in group]) for label in labels]
            lines.append(
                f"  {place:<8}{len(group):>7}{sum(one.real for one in group):>8}"
                f"{sum(one.seconds for one in group):>9.2f}  {', '.join(spans)}"
            )
        return "\n".join(lines)


class CrashFailure(AssertionError):  # noqa: N818 - what pytest shows
    """Something did not hold after a crash. `report` has everything that was tried."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        failures = self.report.failures
        told = [*failures[:_TOLD]]
        if len(failures) > _TOLD:
            others = [one.point for one in self.report.tried if one.wrong is not None][_TOLD:]
            told.append(f"and {len(others)} more: {', '.join(others)}")
        return "\n\n".join([str(self.report), *told])


def told(run: Run, wrong: str) -> str:
    """A failure in full."""
    point = run.point
    assert point is not None
    how = "process killed" if point.real else "simulated"
    lines = [f"{point} ({how}): {wrong}"]
    if run.crashes:
        lines += ["", *_crashed(run)]
    else:
        lines += ["", "the point was not reached; the oplog:", *_lines(run.records[-2 * _AROUND :])]
    lines += ["", "this point alone, with the same other arguments:"]
    lines.append(f'    crash_driver.run(…, only="{point}", real={point.real})')
    return "\n".join(lines)


def _crashed(run: Run) -> list[str]:
    lines = []
    for crash in run.crashes:
        on_disk = crash.entries[-1][1]
        lines.append(f"crash at {crash.event.point}: {crash.event.meaning}; on disk were entries 1 to {on_disk}")
        lines += _lines(crash.records[-_AROUND:])
        lines += _lost(crash, on_disk)
    last = run.crashes[-1]
    left, at = last.entries[-1][1], last.event.index
    shown = [one for one in run.records if min(abs(one.index - left), abs(one.index - at)) <= _AROUND]
    return [*lines, "after recovery:", *_lines(shown, mark=left)]


def _lost(crash: Crash, on_disk: int) -> list[str]:
    """What had been added and did not come to disk."""
    lost = [one for one in crash.events if one.place == "record" and not one.worker and one.index > on_disk]
    return [f"  - {event.index:>4}  {event.type or event.name}  {event.name}" for event in lost[-_AROUND:]]


def _lines(records: list[Record], *, mark: int | None = None) -> list[str]:
    lines = []
    for record in records:
        entry = record.entry
        parts = [f"{record.index:>6}  {record.kind}"]
        parts += [_cut(getattr(entry, name, None)) for name in ("function", "key", "begin", "message")]
        if record.kind in {"jump", "revert"}:
            parts.append(f"{entry.start} to {entry.end}")  # type: ignore[attr-defined]
        request, response = getattr(entry, "request", None), getattr(entry, "response", None)
        if request is not None or response is not None:
            parts.append(f"{_cut(request)} -> {_cut(response)}" if response is not None else _cut(request))
        lines.append("  ".join(part for part in parts if part))
        if record.index == mark:
            lines.append("        ^ the last entry that the crash left")
    return lines


def _cut(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _counts(effects: Counter[str]) -> str:
    return ", ".join(f"{label} {count}" for label, count in sorted(effects.items())) or "none"


def _span(label: str, counts: list[int]) -> str:
    least, most = min(counts), max(counts)
    return f"{label} {least}" if least == most else f"{label} {least} to {most}"
