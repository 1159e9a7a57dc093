"""Changes to a data directory's file that keep its checksums right: histories that nobody had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.oplog import checksums

if TYPE_CHECKING:
    import sqlite3

_COLUMNS = ("idx", "time", "kind", "function", "type", "request", "response", "begin", "key", "detail")
_NAMES = ", ".join(f'"{column}"' for column in _COLUMNS)


def change_entry(connection: sqlite3.Connection, worker: int, index: int, **changes: Any) -> None:
    """Make an entry say something else."""
    found = connection.execute(f"SELECT {_NAMES} FROM entry WHERE worker = ? AND idx = ?", (worker, index)).fetchone()
    changed = {**dict(zip(_COLUMNS, found, strict=True)), **changes}
    crc = checksums.of_entry(worker, tuple(changed.values()))
    settings = ", ".join(f'"{column}" = ?' for column in _COLUMNS)
    connection.execute(
        f"UPDATE entry SET {settings}, crc = ? WHERE worker = ? AND idx = ?", (*changed.values(), crc, worker, index)
    )
