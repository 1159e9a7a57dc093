"""`durable-dsl worker`: what workers there are, what became of them, what is in their oplogs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from durable_dsl.cli import console
from durable_dsl.cli.data import add_data_option, add_json_option, opened

if TYPE_CHECKING:
    import argparse

    from durable_dsl.engine.api import Engine

_WIDEST = 100


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    listing = actions.add_parser("list", help="all workers with component, version, status")
    show = actions.add_parser("show", help="one worker: status, queue, error, updates")
    oplog = actions.add_parser("oplog", help="the entries of a worker's oplog")
    for action in (show, oplog):
        action.add_argument("name", metavar="NAME", help="the worker")
    oplog.add_argument("--from", dest="first", metavar="INDEX", type=int, default=1, help="the first entry shown")
    for action in (listing, show, oplog):
        add_data_option(action)
        add_json_option(action)


def run(arguments: argparse.Namespace) -> int:
    with opened(arguments) as engine:
        _ACTIONS[arguments.action](engine, arguments)
    return console.OK


def _list(engine: Engine, arguments: argparse.Namespace) -> None:
    found = [worker.describe() for worker in engine.workers()]
    if arguments.json:
        console.print_json(found)
    elif found:
        headers = ("NAME", "COMPONENT", "VERSION", "STATUS", "ENTRIES")
        console.out(console.table([tuple(worker.values()) for worker in found], headers))
    else:
        console.note(f"no workers in {arguments.data}")


def _show(engine: Engine, arguments: argparse.Namespace) -> None:
    facts = engine.worker(arguments.name).describe(full=True)
    if arguments.json:
        console.print_json(facts)
        return
    error, updates, pending = facts.pop("error"), facts.pop("updates"), facts.pop("pending")
    lines = [f"{label.replace('_', ' '):<12} {value}" for label, value in facts.items()]
    lines += [f"{'waiting':<12} {call['function']} ({call['idempotency_key']})" for call in pending]
    lines += [
        f"{'update':<12} to version {update['version']}, {update['mode']}: {update['status']}"
        + (f" ({update['details']})" if update["details"] else "")
        for update in updates
    ]
    if error is not None:
        lines += [f"{'error':<12} {error['type']}: {error['message']}", *error["traceback"].splitlines()]
    console.out("\n".join(lines))


def _oplog(engine: Engine, arguments: argparse.Namespace) -> None:
    from durable_dsl.engine.oplog.view import as_json

    records = [record for record in engine.worker(arguments.name).oplog() if record.index >= arguments.first]
    entries = [as_json(record) for record in records]
    if arguments.json:
        console.print_json(entries)
        return
    rows = [
        (
            entry["index"],
            _clock(entry["time"]),
            entry["kind"] + (" (deleted)" if entry["deleted"] else ""),
            _said(entry),
        )
        for entry in entries
    ]
    console.out(console.table(rows, ("INDEX", "TIME", "KIND", "")))


def _clock(time: str) -> str:
    moment = datetime.fromisoformat(time).astimezone(UTC)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"


def _said(entry: dict[str, Any]) -> str:
    """What an entry says, on one line."""
    known = {"index", "time", "kind", "deleted"}
    parts = []
    for name, value in entry.items():
        if name in known or value is None:
            continue
        if name in {"function", "type"}:
            parts.append(str(value))
        else:
            parts.append(f"{name}={json.dumps(value, ensure_ascii=False)}")
    text = " ".join(parts)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


_ACTIONS = {"list": _list, "show": _show, "oplog": _oplog}
