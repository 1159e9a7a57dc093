"""`durable-dsl worker list`: a line for each worker, with how long ago it did something and what keeps it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from durable_dsl.cli.completion import completed, components
from durable_dsl.cli.terminal import console
from durable_dsl.printable import shortened

if TYPE_CHECKING:
    import argparse

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.errors import DamagedError
    from durable_dsl.engine.oplog.summary import Summary
    from durable_dsl.engine.worker.handle import Worker

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


def show(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.errors import DamagedError
    from durable_dsl.engine.redaction import redacted

    found = [_facts(worker) for worker in engine.workers() if arguments.component in {None, worker.component}]
    for row in engine.catalogue.damaged_workers():
        damage = DamagedError(str(engine.store.path), row.name, 0, "worker")
        if arguments.component in {None, row.component}:
            found.append(damaged(row.name, row.component, engine.store.last_index(row.id), damage))
    if arguments.statuses:
        found = [facts for facts in found if facts["status"] in arguments.statuses]
    if arguments.json:
        console.print_json([redacted(facts) for facts in found])
    elif found:
        console.out(_table([redacted(facts) for facts in found]))
    else:
        asked = " that are asked for" if arguments.statuses or arguments.component is not None else ""
        console.note(f"no workers{asked} in {arguments.data}")
    return console.OK


def _facts(worker: Worker) -> Facts:
    """A line of the list; a worker whose oplog cannot be read does not hide the others."""
    from durable_dsl.engine.errors import DamagedError

    try:
        summary = worker.summary()
        facts = worker.describe(summary=summary)
        return {**facts, "changed": worker.changed, "reason": _reason(worker, facts["status"], summary)}
    except DamagedError as damage:
        return damaged(worker.name, worker.component, worker.oplog_index, damage)


def damaged(name: str, component: str, last: int, damage: DamagedError) -> Facts:
    """What can be said of a worker that cannot be read; the damage is told on stderr."""
    console.note(f"warning: {damage}")
    facts = {"name": name, "component": component, "version": "", "status": "damaged", "oplog_index": last}
    return {**facts, "damage": {"table": damage.table, "index": damage.index, "message": str(damage)}}


def _reason(worker: Worker, status: str, summary: Summary) -> str | None:
    """Why the worker does not go on."""
    if status in {"idle", "running"}:
        return None
    facts = worker.describe(full=True, summary=summary)
    if facts["wants"] is not None:
        return f"wants {facts['wants']}"
    if facts["waits_for"] is not None:
        return f"waits for {waits_for(facts['waits_for'])}"
    error = facts["error"]
    return None if error is None else f"{error['type']}: {error['message']}"


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
    head, *lines = console.table([_row(facts) for facts in found], _HEADERS).splitlines()
    if console.color_enabled(sys.stdout):
        colors = [_COLORS.get(facts["status"], "") for facts in found]
        lines = [f"{color}{line}{_PLAIN}" if color else line for color, line in zip(colors, lines, strict=True)]
    return "\n".join([head, *lines])


def _row(facts: Facts) -> tuple[object, ...]:
    at = facts["damage"]["index"] if "damage" in facts else 0
    status = f"{facts['status']} at {at}" if at else facts["status"]
    reason = shortened(facts.get("reason") or "", _WIDEST)
    return facts["name"], facts["component"], facts["version"], status, facts["oplog_index"], _age(facts), reason


def _age(facts: Facts) -> str:
    """How long ago the last entry was written, in its largest unit."""
    if "changed" not in facts:
        return ""
    seconds = max(0, int((datetime.now(UTC) - datetime.fromisoformat(facts["changed"])).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
