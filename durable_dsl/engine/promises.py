"""Promises: values that somebody gives later, addressed by a worker and the oplog index at which it made them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import UsageError

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.oplog.store import Store

_STATE = "SELECT state, data FROM promise WHERE worker = ? AND idx = ?"


class NoPromise(UsageError):  # noqa: N818 - a state of things, told to guests and callers alike
    """There is no such promise: it was never made, or deleted."""

    def __init__(self, worker: str, index: int) -> None:
        super().__init__(f"worker {worker!r} has no promise {index}")
        self.args = (worker, index)


def make(connection: sqlite3.Connection, worker: int, index: int) -> None:
    connection.execute("INSERT OR IGNORE INTO promise VALUES (?, ?, 'pending', NULL)", (worker, index))


def complete(connection: sqlite3.Connection, worker: int, name: str, index: int, data: bytes) -> bool:
    """Give the value; False if it has one already."""
    row = connection.execute(_STATE, (worker, index)).fetchone()
    if row is None:
        raise NoPromise(name, index)
    if row[0] != "pending":
        return False
    text = json.dumps({"base64": base64.b64encode(data).decode()})
    connection.execute(
        "UPDATE promise SET state = 'completed', data = ? WHERE worker = ? AND idx = ?", (text, worker, index)
    )
    return True


def delete(connection: sqlite3.Connection, worker: int, name: str, index: int) -> None:
    if connection.execute("DELETE FROM promise WHERE worker = ? AND idx = ?", (worker, index)).rowcount == 0:
        raise NoPromise(name, index)


def exists(store: Store, worker: int, index: int) -> bool:
    return store.read_one(_STATE, (worker, index)) is not None


def value_of(store: Store, worker: int, name: str, index: int) -> bytes | None:
    """The value, or None while it is pending."""
    row = store.read_one(_STATE, (worker, index))
    if row is None:
        raise NoPromise(name, index)
    return None if row[0] == "pending" else base64.b64decode(json.loads(row[1])["base64"])
