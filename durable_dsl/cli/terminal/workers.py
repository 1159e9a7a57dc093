"""`durable-dsl worker list`: a line for each worker, with how long ago it did something and what keeps it."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from durable_dsl.cli.completion import completed, components
from durable_dsl.cli.terminal import console
from durable_dsl.printable import shortened

if TYPE_CHECKING:
    import argparse

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.errors import DamagedError

    Facts = dict[str, Any]

__all__ = ["configure", "damaged", "show", "waits_for"]

_HEADERS = ("NAME", "COMPONENT", "VERSION", "STATUS", "ENTRIES", "AGE", "")
_STATUSES = (
    *("idle", "running", "unfinished", "suspended", "interrupted", "retrying", "failed", "exited"),
    "damaged",
)
_RED, _YELLOW, _PLAIN = "\x1b[31m", "\x1b[33m", "\x1b[0m"
_COLORS = {
    **dict.fromkeys(("failed", "damaged"), _RED),
    **dict.fromkeys(("unfinished", "retrying", "interrupted"), _YELLOW),
}
_WIDEST = 60


def configure(parser: argparse.ArgumentParser) -> None:
    completed(parser.add_argument("--component", metavar="NAME", help="only those of this component"), components)
    parser.add_argument(
        "--status",
        dest="statuses",
        metavar="STATUS",
        action="append",
        choices=_STATUSES,
        help=f"only those with this status ({', '.join(_STATUSES[:-1])} or {_STATUSES[-1]}); may be repeated",
    )
    parser.add_argument("--check", action="store_true", help="read every entry of every worker, to find damage")


def show(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.cli.terminal.listed import Lines
    from durable_dsl.engine.standing.listing import checked, listed

    rows = (checked if arguments.check else listed)(engine.store)
    lines = Lines(engine)
    facts_of = lines.as_json if arguments.json else lines.facts
    found = [facts_of(one) for one in rows if arguments.component in {None, one.component}]
    if arguments.statuses:
        found = [facts for facts in found if facts["status"] in arguments.statuses]
    if arguments.json:
        console.print_json(found)
    elif found:
        console.out(_table(found))
    else:
        asked = " that are asked for" if arguments.statuses or arguments.component is not None else ""
        console.note(f"no workers{asked} in {arguments.data}")
    return console.OK


def damaged(name: str, component: str, last: int, damage: DamagedError) -> Facts:
    """What can be said of a worker that cannot be read; the damage is told on stderr."""
    console.note(f"warning: {damage}")
    facts = {"name": name, "component": component, "version": "", "status": "damaged", "oplog_index": last}
    return {**facts, "damage": {"table": damage.table, "index": damage.index, "message": str(damage)}}


def waits_for(facts: Facts) -> str:
    """The promise and the time that a suspended worker waits for."""
    said = []
    if facts["promise"]:
        kind = f" of type {facts['type']}" if facts["type"] else ""
        said.append(f"the promise {facts['promise']}{kind}")
    if facts["until"]:
        said.append(f"{'until' if said else 'a sleep until'} {facts['until'][:19]}")
    return ", ".join([*said, f"since {facts['since'][:19]}"])


def _table(found: list[Facts]) -> str:
    now = time.time_ns()
    head, *lines = console.table([_row(facts, now) for facts in found], _HEADERS).splitlines()
    if console.color_enabled(sys.stdout):
        colors = [_COLORS.get(facts["status"], "") for facts in found]
        lines = [f"{color}{line}{_PLAIN}" if color else line for color, line in zip(colors, lines, strict=True)]
    return "\n".join([head, *lines])


def _row(facts: Facts, now: int) -> tuple[object, ...]:
    at = facts["damage"]["index"] if "damage" in facts else 0
    status = f"{facts['status']} at {at}" if at else facts["status"]
    reason = shortened(facts.get("reason") or "", _WIDEST)
    return facts["name"], facts["component"], facts["version"], status, facts["oplog_index"], _age(facts, now), reason


def _age(facts: Facts, now: int) -> str:
    """How long ago the last entry was written, in its largest unit."""
    if "changed" not in facts:
        return ""
    seconds = max(0, (now - facts["changed"]) // 1_000_000_000)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
