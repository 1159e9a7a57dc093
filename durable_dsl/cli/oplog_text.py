"""`durable-dsl worker oplog`: entries as JSON, or one line each for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from durable_dsl.cli import console

if TYPE_CHECKING:
    import argparse

    from durable_dsl.engine.api import Engine

_WIDEST = 100
_COLUMNS = frozenset({"index", "time", "kind", "deleted"})
_BARE = frozenset({"function", "type"})


def show(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.oplog.view import as_json

    records = engine.worker(arguments.name).oplog()
    entries = [as_json(record) for record in records if record.index >= arguments.first]
    if arguments.json:
        console.print_json(entries)
    else:
        rows = [(entry["index"], _clock(entry["time"]), _kind(entry), _said(entry)) for entry in entries]
        console.out(console.table(rows, ("INDEX", "TIME", "KIND", "")))
    return console.OK


def _clock(time: str) -> str:
    moment = datetime.fromisoformat(time).astimezone(UTC)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03}"


def _kind(entry: dict[str, Any]) -> str:
    return f"{entry['kind']} (deleted)" if entry["deleted"] else str(entry["kind"])


def _said(entry: dict[str, Any]) -> str:
    """What an entry says, on one line of bounded width."""
    members = {name: value for name, value in entry.items() if name not in _COLUMNS and value is not None}
    parts = [
        str(value) if name in _BARE else f"{name}={json.dumps(value, ensure_ascii=False)}"
        for name, value in members.items()
    ]
    text = " ".join(parts)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
