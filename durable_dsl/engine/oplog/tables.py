"""The small tables: workers, components, what is queued and scheduled, promises, stores. Every row has a checksum.

A row is written by `insert` and `update` and read by `select` and `one`, as a dict of its columns; so a new column is
named in `COLUMNS`, and is covered from then on. Reading a row that does not match its checksum raises `DamagedRow`.
Long texts stand apart, in `payload`, as those of entries do.

Who finds no row asks `missing` whether one stood there: its `place`, the checksum of what it is looked for by, tells.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from durable_dsl.engine.oplog import checksums, payloads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

T = TypeVar("T")
Row: TypeAlias = dict[str, Any]
_NOT_UTF_8 = "Could not decode to UTF-8"

#: What a row's checksum covers, its key first.
COLUMNS: dict[str, tuple[str, ...]] = {
    "component": ("id", "name"),
    "build": ("component", "version", "hash", "size", "time"),
    "worker": ("id", "name", "component", "time"),
    "queue": ("id", "worker", "function", "request", "key"),
    "schedule": ("id", "worker", "function", "request", "key", "time"),
    "promise": ("worker", "idx", "state", "data", "maker", "number", "type", "done", "gone"),
    "retired": ("name", "indices"),
    "dropped": ("worker", "idx", "reach", "folded", "archive"),
    "standing": ("worker", "idx", "entry", "folder", "folded"),
    "grants": ("owner", "grants", "wants"),
    "bucket": ("bucket", "key", "value"),
    "container": ("name", "time"),
    "object": ("container", "name", "time", "data"),
    "snapshot": ("worker", "idx", "data"),
}
#: What a row is looked for by, where it may not be there.
PLACES: dict[str, tuple[str, ...]] = {
    "worker": ("name",),
    "promise": ("maker", "number"),
    "retired": ("name",),
    "grants": ("owner",),
    "bucket": ("bucket", "key"),
    "container": ("name",),
    "object": ("container", "name"),
}
_KEYS = {"build": 2, "promise": 2, "snapshot": 2}  # how many columns make the key, where not one
_NUMBERED = frozenset({"worker", "queue", "schedule"})  # whose `id` SQLite gives
_LONG = {"queue": "request", "schedule": "request", "promise": "data"}  # what may stand apart


class DamagedRow(Exception):  # noqa: N818 - a state of things; the store says what it means
    """A row does not match its checksum; `row` as far as it can be read."""

    def __init__(self, table: str, row: Row) -> None:
        super().__init__(table, row)
        self.table = table
        self.row = row


def insert(connection: sqlite3.Connection, table: str, /, *, conflict: str = "ABORT", **values: Any) -> int | None:
    """Add a row, in a transaction that is open. Its `id` where SQLite gives one, else 0.

    None where `conflict` is IGNORE and there is such a row.
    """
    columns = COLUMNS[table]
    row: Row = {column: values.get(column) for column in columns}
    assert values.keys() <= row.keys(), values
    if table in _LONG:
        row[_LONG[table]] = payloads.put(connection, row["worker"], row[_LONG[table]])
    numbered = table in _NUMBERED
    given = [(column, value) for column, value in row.items() if not (numbered and column == "id")]
    if table in PLACES:
        given.append(("place", _place(table, [row[column] for column in PLACES[table]])))
    crc = 0 if numbered else checksums.of_row(table, row.values())
    names, marks = ", ".join(f'"{column}"' for column, _ in given), ", ".join("?" for _ in given)
    cursor = connection.execute(
        f'INSERT OR {conflict} INTO "{table}" ({names}, crc) VALUES ({marks}, ?)',  # noqa: S608 - fixed names
        (*(value for _, value in given), crc),
    )
    if cursor.rowcount < 1:
        return None
    if not numbered:
        return 0
    row["id"] = number = cursor.lastrowid
    crc = checksums.of_row(table, row.values())
    connection.execute(f'UPDATE "{table}" SET crc = ? WHERE id = ?', (crc, number))  # noqa: S608 - fixed names
    return number


def update(connection: sqlite3.Connection, table: str, row: Row, /, **changes: Any) -> None:
    """Change columns of a row that was read, in a transaction that is open."""
    if (long := _LONG.get(table)) is not None:  # it was read whole
        changes[long] = payloads.put(connection, row["worker"], changes.get(long, row[long]))
    changed = {**row, **changes}
    columns = COLUMNS[table]
    crc = checksums.of_row(table, (changed[column] for column in columns))
    key = columns[: _KEYS.get(table, 1)]
    settings = ", ".join(f'"{column}" = ?' for column in changes)
    where = " AND ".join(f'"{column}" = ?' for column in key)
    connection.execute(
        f'UPDATE "{table}" SET {settings}, crc = ? WHERE {where}',  # noqa: S608 - fixed names
        (*changes.values(), crc, *(row[column] for column in key)),
    )


def select(
    connection: sqlite3.Connection,
    table: str,
    condition: str = "",
    parameters: Sequence[Any] = (),
    *,
    damaged: list[Row] | None = None,
) -> Iterator[Row]:
    """The rows that meet a condition (WHERE and what follows it), checked, with their long texts.

    What is damaged goes into `damaged`, where it is given, and else is raised.
    """
    columns = COLUMNS[table]
    names = ", ".join(f'"{table}"."{column}"' for column in columns)
    query = f'SELECT {names}, "{table}".crc FROM "{table}" {condition}'  # noqa: S608 - fixed names
    for found in leniently(connection, lambda reading: reading.execute(query, parameters).fetchall()):
        row = dict(zip(columns, found, strict=False))
        try:
            if checksums.of_row(table, row.values()) != found[-1]:
                raise payloads.Missing
            if (long := _LONG.get(table)) is not None:
                row[long] = payloads.get(connection, row["worker"], row[long])
        except payloads.Missing:
            if damaged is None:
                raise DamagedRow(table, row) from None
            damaged.append(row)
            continue
        yield row


def leniently(connection: sqlite3.Connection, read: Callable[[sqlite3.Connection], T]) -> T:
    """Do it again where a text is no UTF-8 any more, with what cannot be decoded escaped: no checksum fits that."""
    try:
        return read(connection)
    except sqlite3.OperationalError as error:
        if _NOT_UTF_8 not in str(error):
            raise
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    try:
        return read(connection)
    finally:
        connection.text_factory = str


def find_strays(connection: sqlite3.Connection, table: str, worker: int) -> None:
    """Raise DamagedRow for a row of `worker` that names a worker that is not there: its number was damaged."""
    strays: list[Row] = []
    query = f'SELECT 1 FROM "{table}" WHERE worker NOT IN (SELECT id FROM worker) LIMIT 1'  # noqa: S608 - fixed names
    if connection.execute(query).fetchone() is None:
        return
    for _ in select(connection, table, "WHERE worker NOT IN (SELECT id FROM worker)", damaged=strays):
        continue  # of a worker that was just deleted
    for row in strays:
        key = f'SELECT crc FROM "{table}" WHERE {COLUMNS[table][0]} = ?'  # noqa: S608 - fixed names
        (crc,) = connection.execute(key, (row[COLUMNS[table][0]],)).fetchone()
        if checksums.of_row(table, {**row, "worker": worker}.values()) == crc:
            raise DamagedRow(table, {**row, "worker": worker})


def one(connection: sqlite3.Connection, table: str, condition: str, parameters: Sequence[Any] = ()) -> Row | None:
    """The first such row, or None."""
    return next(select(connection, table, condition, parameters), None)


def at(connection: sqlite3.Connection, table: str, *place: Any) -> Row | None:
    """The row that is looked for by this, or None; raises DamagedRow where one stood there that was altered."""
    found = one(connection, table, _where(table), place)
    if found is None:
        missing(connection, table, *place)
    return found


def missing(connection: sqlite3.Connection, table: str, *place: Any) -> None:
    """Raise DamagedRow if a row that is looked for by this, and was not found, was altered in it."""
    for row in altered(connection, table, place):
        raise DamagedRow(table, {**row, **dict(zip(PLACES[table], place, strict=True))})


def remove(connection: sqlite3.Connection, table: str, *place: Any) -> bool:
    """Delete the row that is looked for by this, be it altered; False if there is none. In a transaction."""
    removed = connection.execute(f'DELETE FROM "{table}" {_where(table)}', place).rowcount  # noqa: S608 - fixed names
    for row in altered(connection, table, place):
        removed += connection.execute(
            f'DELETE FROM "{table}" {_where(table)}',  # noqa: S608 - fixed names
            [row[column] for column in PLACES[table]],
        ).rowcount
    return removed > 0


def altered(connection: sqlite3.Connection, table: str, place: Sequence[Any]) -> list[Row]:
    """Damaged rows that stood in this place."""
    found: list[Row] = []
    for _ in select(connection, table, "WHERE place = ?", (_place(table, place),), damaged=found):
        continue  # of another name with the same checksum
    return found


def _where(table: str) -> str:
    return "WHERE " + " AND ".join(f'"{column}" = ?' for column in PLACES[table])


def names(
    connection: sqlite3.Connection, table: str, column: str, condition: str, parameters: Sequence[Any]
) -> list[str]:
    """What rows go by in that column, in order; what they hold may be large, and is neither read nor checked."""
    columns = ", ".join(f'"{name}"' for name in PLACES[table])
    query = f'SELECT {columns}, place FROM "{table}" {condition} ORDER BY "{column}"'  # noqa: S608 - fixed names
    position = PLACES[table].index(column)
    found = []
    for row in leniently(connection, lambda reading: reading.execute(query, parameters).fetchall()):
        if row[-1] != _place(table, row[:-1]):
            raise DamagedRow(table, dict(zip(PLACES[table], row, strict=False)))
        found.append(row[position])
    return found


def _place(table: str, values: Sequence[Any]) -> int:
    return checksums.of_row(f"{table} place", values)


def shown_name(row: Row) -> str:
    """The name of the worker in a damaged row; #NUMBER where it is no text any more."""
    name = row.get("name")
    with suppress(UnicodeEncodeError):
        if isinstance(name, str) and name.encode():
            return name
    return f"#{row.get('id')}"


def seal_all(connection: sqlite3.Connection) -> None:
    """Give every row its checksum: they come from a schema that had none."""
    connection.create_function("row_checksum", -1, lambda table, *values: checksums.of_row(table, values))
    for table, columns in COLUMNS.items():
        names = ", ".join(f'"{column}"' for column in columns)
        connection.execute(f"UPDATE \"{table}\" SET crc = row_checksum('{table}', {names})")  # noqa: S608 - fixed names
    for table, columns in PLACES.items():
        names = ", ".join(f'"{column}"' for column in columns)
        sealed = f"row_checksum('{table} place', {names})"
        connection.execute(f'UPDATE "{table}" SET place = {sealed}')  # noqa: S608 - fixed names
