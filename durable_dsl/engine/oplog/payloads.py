"""Long texts, which stand apart from the rows that hold them: once for a worker, under their SHA-256.

What stands for one in a row is `@` and its hash. No other text in such a column begins with `@`: they are JSON.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3

#: The longest text, in characters, that is kept in its row.
INLINE_LIMIT = 64 * 1024
INSERT = "INSERT OR IGNORE INTO payload (worker, hash, data) VALUES (?, ?, ?)"
_SELECT = "SELECT data FROM payload WHERE worker = ? AND hash = ?"


class Missing(Exception):  # noqa: N818 - whoever reads the row says what it means
    """A long text is not there, or not as it was written."""


def row(worker: int, text: str) -> tuple[int, str, str]:
    """The values for `INSERT`."""
    return worker, _hash(text), text


def put(connection: sqlite3.Connection, worker: int, text: Any) -> Any:
    """What a row holds of a value: itself, or where it is too long what stands for it."""
    if not isinstance(text, str) or len(text) <= INLINE_LIMIT:
        return text
    apart = row(worker, text)
    connection.execute(INSERT, apart)
    return f"@{apart[1]}"


def get(connection: sqlite3.Connection, worker: int, value: Any) -> Any:
    """What a row's value stands for; raises `Missing`."""
    if not isinstance(value, str) or value[:1] != "@":
        return value
    found = connection.execute(_SELECT, (worker, value[1:])).fetchone()
    if found is None or not isinstance(found[0], str) or _hash(found[0]) != value[1:]:
        raise Missing
    text: str = found[0]
    return text


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
