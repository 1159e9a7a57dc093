"""Oplog entries as the command line and tests see them: JSON values instead of JSON texts."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from durable_dsl.engine.clock import LAST
from durable_dsl.engine.oplog.entries import Jump, Record, Revert

_TEXTS = frozenset({"request", "response"})
_NAMES = {"key": "idempotency_key"}


def time_text(time: int) -> str:
    """A time in nanoseconds since 1970, in UTC; at most the last that the engine knows."""
    return datetime.fromtimestamp(min(time, LAST) / 1e9, UTC).isoformat()


def as_json(record: Record) -> dict[str, Any]:
    """`index, kind, time`, what the kind says, and whether the entry was deleted from the history."""
    entry = record.entry
    said: dict[str, Any] = {
        "index": record.index,
        "kind": entry.kind,
        "time": time_text(record.time),
    }
    if isinstance(entry, (Jump, Revert)):
        said["region"] = {"start": entry.start, "end": entry.end}
    else:
        for field in fields(entry):
            value = getattr(entry, field.name)
            if field.name in _TEXTS and value is not None:
                value = json.loads(value)
            if value is not None:
                said[_NAMES.get(field.name, field.name)] = value
    said["deleted"] = record.deleted
    return said
