"""`durable-dsl check --against DATA`: which stored workers a new build continues, and which diverge from it.

Nothing runs live, and nothing in the data directory changes. Exit status 0 if all continue, 1 if one does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.cli.component import component_of
from durable_dsl.cli.data import compiling
from durable_dsl.cli.terminal import console, progress

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from durable_dsl.engine.comparing import Comparison

#: Above so many workers those that continue are only counted, and of those that stop alike only some are named.
_MANY = 40
_ALIKE = 5


def run_against(arguments: argparse.Namespace) -> int:
    """Compare, and say what was found."""
    from durable_dsl.engine.comparing import compare
    from durable_dsl.engine.errors import EngineError, UsageError

    component = _component(arguments)
    try:
        with progress.stages(quiet=arguments.json) as show:
            found = compare(
                arguments.against,
                component,
                workers=arguments.workers,
                while_compiling=compiling,
                progress=lambda number, of: show("replaying workers on the new build", f"{number + 1} of {of}"),
            )
    except UsageError as error:
        raise console.CommandError(error.message, error.hint) from error
    except EngineError as error:
        raise console.CommandError(str(error)) from error
    continues = sum(one.outcome == "continues" for one in found)
    if arguments.json:
        workers = [one.as_json() for one in found]
        console.print_json({"component": str(component), "continues": continues, "workers": workers})
    else:
        console.out(_text(found, continues))
    return console.OK if continues == len(found) else console.FAULT


def _component(arguments: argparse.Namespace) -> Path:
    """The component file that was given, or what the app is built to."""
    if len(arguments.app) > 1:
        raise console.CommandError("--against takes one app or component", status=console.USAGE)
    settings = {name: getattr(arguments, name) for name in ("wit", "world", "target")}
    given = arguments.app[0] if arguments.app else None
    return component_of(given, quiet=arguments.json, reports=False, **settings)


def _text(found: list[Comparison], continues: int) -> str:
    others = [one for one in found if one.outcome != "continues"]
    shown = found if len(found) <= _MANY else others
    lines = []
    if shown:
        lines = [console.table([_row(one) for one in shown], ("WORKER", "VERSION", "STATUS", "ENTRIES", "OUTCOME"))]
    alike: dict[tuple[str | None, ...], list[Comparison]] = {}
    for one in others:
        key = (one.outcome, one.recorded, one.recorded_at, one.attempted, one.attempted_at)
        alike.setdefault(key, []).append(one)
    for group in alike.values():
        lines += ["", *_details(group)]
    if lines:
        lines.append("")
    lines.append(f"{continues} of {len(found)} continue" + (f", {len(others)} would not" if others else ""))
    return "\n".join(lines)


def _row(one: Comparison) -> tuple[object, ...]:
    outcome = one.outcome if one.index is None else f"{one.outcome} at {one.index}"
    return one.worker, "" if one.version is None else one.version, one.status or "", one.entries, outcome


def _details(group: list[Comparison]) -> list[str]:
    """What stopped one worker, or several at the same place."""
    one = group[0]
    if one.outcome == "damaged":
        return [f"{_where(one)} is damaged: `durable-dsl worker oplog {one.worker}` shows it" for one in group]
    lines = [f"{_where(one)} {one.outcome}" for one in group[:_ALIKE]]
    if len(group) > _ALIKE:
        lines.append(f"… and {len(group) - _ALIKE} more alike")
    if one.recorded is not None:
        lines.append(f"  recorded   {one.recorded}{_at(one.recorded_at)}")
    verb = "would do  " if one.outcome == "undecided" else "attempted "
    return [*lines, f"  {verb} {one.attempted}{_at(one.attempted_at)}"]


def _where(one: Comparison) -> str:
    return f"worker {one.worker}: entry {one.index}"


def _at(place: str | None) -> str:
    return "" if place is None else f"\n             at {place}"
