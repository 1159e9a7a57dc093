"""The database of a data directory: opening it, and reading and writing oplogs.

Readers and the writer use connections of their own, so reading never waits for a flush. All writing goes through
`transaction`, which groups what comes at the same time (`writer.py`). An oplog is written as a prefix: rows reach
the writer in the order of their indices, under the log's lock.

Entries are read through `over` alone, which checks them. Errors of the file are told apart: `DamagedError` for contents
that do not match their checksums, `StoreError` for everything that SQLite reports (no space, no permission, not a
database).
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from durable_dsl.engine.errors import DamagedError, StoreError
from durable_dsl.engine.oplog import checksums, payloads, schema, tables
from durable_dsl.engine.oplog.connections import Readers, at_one_instant, connect, explanation
from durable_dsl.engine.oplog.entries import Damaged, Entry, Record, entry_of
from durable_dsl.engine.oplog.writer import OneStatement, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence
    from pathlib import Path

    from durable_dsl.engine.oplog.probe import Probe

T = TypeVar("T")
#: The row of an entry: its worker, the columns as for `over`, its checksum.
Written: TypeAlias = tuple[Any, ...]
FILE = "durable.sqlite3"
INLINE_LIMIT = payloads.INLINE_LIMIT
_COLUMNS = 'idx, time, kind, function, type, request, response, "begin", key, detail'
_VALUES = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT = f"INSERT INTO entry (worker, {_COLUMNS}, crc) VALUES {_VALUES}"  # noqa: S608 - fixed texts
_INSERT_TWO = f"{_INSERT}, {_VALUES}"
_SELECT = f"SELECT {_COLUMNS}, crc FROM entry"  # noqa: S608
_COPY = (
    f"INSERT INTO entry (worker, {_COLUMNS}, crc) SELECT ?, {_COLUMNS}, copied(crc, worker, ?, {_COLUMNS})"  # noqa: S608
    " FROM entry WHERE worker = ? AND idx BETWEEN ? AND ?"
)
#: In SQL: an entry has this key. Without that hint SQLite reads all entries of the worker, and not the index of keys.
HAS_KEY = "likelihood(key = ?, 0.0001)"
FAR = 1 << 53  # no oplog is so long


class Store:
    """One open database file, shared by all threads of the process."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._readers = Readers(self.path)
        #: Who is told where the workers of this process get to; set before they are opened.
        self.probe: Probe | None = None
        with self._explained():
            connection = connect(self.path)
            schema.migrate(connection)
            connection.execute("PRAGMA wal_autocheckpoint = 256")
        self.writer = Writer(connection)

    def close(self) -> None:
        """Refuse what comes from now on; whoever is reading now comes to an end."""
        self._readers.close()
        self.writer.close()

    # Reading

    def reading(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which only reads; perhaps twice."""
        with self._explained():
            return self._readers.run(work)

    def read(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Columns that no checksum covers, or that decide nothing."""
        return self.reading(lambda connection: connection.execute(query, parameters).fetchall())

    def read_one(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        found = self.read(query, parameters)
        return found[0] if found else None

    def select(
        self,
        table: str,
        condition: str = "",
        parameters: Sequence[Any] = (),
        *,
        damaged: list[tables.Row] | None = None,
    ) -> list[tables.Row]:
        """Rows of one of the small tables, checked (`tables.select`); raises DamagedError."""

        def work(connection: sqlite3.Connection) -> list[tables.Row]:
            if damaged is not None:
                damaged.clear()
            return list(tables.select(connection, table, condition, parameters, damaged=damaged))

        return self.reading(at_one_instant(work))

    def select_of(self, table: str, worker: int, condition: str, parameters: Sequence[Any]) -> list[tables.Row]:
        """`select`, where a row of `worker` that does not name it any more is damage too."""

        def work(connection: sqlite3.Connection) -> list[tables.Row]:
            tables.find_strays(connection, table, worker)
            return list(tables.select(connection, table, condition, parameters))

        return self.reading(at_one_instant(work))

    def select_one(self, table: str, condition: str = "", parameters: Sequence[Any] = ()) -> tables.Row | None:
        """The first such row, or None."""
        return next(iter(self.select(table, f"{condition} LIMIT 1", parameters)), None)

    def at(self, table: str, *place: Any) -> tables.Row | None:
        """The row of a small table that is looked for by that, or None; one that was altered raises DamagedError."""
        return self.reading(at_one_instant(lambda connection: tables.at(connection, table, *place)))

    def names(self, table: str, column: str, condition: str, parameters: Sequence[Any]) -> list[str]:
        """What rows go by (`tables.names`)."""
        return self.reading(lambda connection: tables.names(connection, table, column, condition, parameters))

    def over(
        self,
        worker: int,
        condition: str,
        parameters: Sequence[Any],
        work: Callable[[Iterator[Any]], T],
        *,
        without: Container[int] = (),
        apart: bool = True,
    ) -> T:
        """`work` over the entry rows of `worker` in order, all as at one instant.

        A row is idx, time, kind, function, type, request, response, begin, key, detail. Checksums are verified and
        long texts fetched: of requests and responses only where `apart` says so. Indices in `without` are left out, so
        that a damaged entry does no harm once it was taken out of the history. Raises DamagedError.
        """
        query = f"{_SELECT} WHERE worker = ? {condition} ORDER BY idx"

        def reading(connection: sqlite3.Connection) -> T:
            cursor = connection.execute(query, (worker, *parameters))
            try:
                return work(rows(cursor))
            finally:
                cursor.close()  # one that is not at its end would keep the file as it is now for this connection

        def rows(cursor: sqlite3.Cursor) -> Iterator[Any]:
            for found in cursor:
                row = found[:10]
                if without and type(row[0]) is int and row[0] in without:
                    continue
                if not checksums.entry_matches(worker, row, found[10]):
                    raise self.damage(worker, row[0])
                if _is_apart(row[9]) or (apart and (_is_apart(row[5]) or _is_apart(row[6]))):
                    row = self._whole(cursor.connection, worker, row, apart=apart)
                yield row

        return self.reading(at_one_instant(reading))

    def rows(
        self, worker: int, condition: str = "", parameters: Sequence[Any] = (), *, without: Container[int] = ()
    ) -> list[Any]:
        """The entry rows of `worker`, as for `over`."""
        return self.over(worker, condition, parameters, list, without=without)

    def records(self, worker: int, condition: str = "", parameters: Sequence[Any] = ()) -> Iterator[Record]:
        """The entries of `worker` in order; raises DamagedError at one that is damaged."""
        for row in self.rows(worker, condition, parameters):
            yield self._record(worker, row)

    def page(self, worker: int, beyond: object, count: int, *, backwards: bool = False) -> list[tuple[object, Record]]:
        """The next `count` entries after index `beyond`, or before it, in order, each with its index in the file.

        A damaged one is there as what it is: for people to see where.
        """
        which = "< ? ORDER BY idx DESC" if backwards else "> ? ORDER BY idx"
        query = f"SELECT idx, time, kind FROM entry WHERE worker = ? AND idx {which} LIMIT ?"  # noqa: S608 - fixed
        found = self.read(query, (worker, beyond, count))
        if backwards:
            found.reverse()
        try:
            if found and isinstance(found[0][0], int) and isinstance(found[-1][0], int):
                records = self.records(worker, "AND idx BETWEEN ? AND ?", (found[0][0], found[-1][0]))
                return [(record.index, record) for record in records]
        except DamagedError:
            pass  # found again below, where it stands
        return [(index, self._shown(worker, index, time, kind)) for index, time, kind in found]

    def _shown(self, worker: int, index: Any, time: Any, kind: Any) -> Record:
        try:
            if not isinstance(index, int):
                raise self.damage(worker, index)
            return next(self.records(worker, "AND idx = ?", (index,)))
        except DamagedError:
            place = index if isinstance(index, int) and 0 < index < FAR else 0
            was = str(kind).encode("ascii", "backslashreplace").decode()
            return Record(place, time if isinstance(time, int) and time > 0 else 0, Damaged(was))

    def _record(self, worker: int, row: Any) -> Record:
        try:
            return Record(row[0], row[1], entry_of(row[2:10]))
        except (KeyError, TypeError, ValueError) as error:
            raise self.damage(worker, row[0]) from error

    def last_index(self, worker: int) -> int:
        last = self.read_one("SELECT coalesce(max(idx), 0) FROM entry WHERE worker = ?", (worker,))[0]
        return last if isinstance(last, int) and 0 <= last < FAR else 0

    def last_time(self, worker: int) -> int:
        """When the last entry was written, in nanoseconds since 1970; for people, so it is not checked for damage."""
        row = self.read_one("SELECT time FROM entry WHERE worker = ? ORDER BY idx DESC LIMIT 1", (worker,))
        return int(row[0]) if row and isinstance(row[0], int) else 0

    def name_of(self, worker: int) -> str:
        """The worker's name as far as it can be read; for messages."""
        row = self.read_one("SELECT name FROM worker WHERE id = ?", (worker,))
        return tables.shown_name({"id": worker, "name": row and row[0]})

    def damage(self, worker: int, index: Any, table: str = "entry") -> DamagedError:
        """The error that an entry is damaged; 0 stands for one whose index is no index."""
        known = isinstance(index, int) and 0 < index < FAR
        return DamagedError(str(self.path), self.name_of(worker), index if known else 0, table)

    def _whole(self, connection: sqlite3.Connection, worker: int, row: Any, *, apart: bool) -> Any:
        """The row with its long texts."""
        try:
            texts = [payloads.get(connection, worker, value) for value in (row[5], row[6])] if apart else row[5:7]
            return (*row[:5], *texts, *row[7:9], payloads.get(connection, worker, row[9]))
        except payloads.Missing:
            raise self.damage(worker, row[0]) from None

    # Writing

    def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction, and return once its effect is on disk."""
        with self._explained():
            return self.writer.run(work)

    def writes(self, worker: int, entries: Iterable[tuple[int, int, Entry]]) -> Callable[[sqlite3.Connection], None]:
        """The work of adding entries (index, time, entry) to the log of `worker`; prepared outside the transaction."""
        return self.prepared(worker, entries)[0]

    def prepared(
        self, worker: int, entries: Iterable[tuple[int, int, Entry]]
    ) -> tuple[Callable[[sqlite3.Connection], None], list[Written]]:
        """The same, and the rows that it adds."""
        written = []
        apart: list[tuple[int, str, str]] = []
        for index, time, entry in entries:
            kind, function, type_, request, response, begin, key, detail = entry.row()
            if request is not None and len(request) > INLINE_LIMIT:
                request = _put_apart(worker, request, apart)
            if response is not None and len(response) > INLINE_LIMIT:
                response = _put_apart(worker, response, apart)
            if detail is not None and len(detail) > INLINE_LIMIT:
                detail = _put_apart(worker, detail, apart)
            columns = (index, time, kind, function, type_, request, response, begin, key, detail)
            written.append((worker, *columns, checksums.of_entry(worker, columns)))
        if not apart:
            if len(written) == 1:
                return OneStatement(_INSERT, written[0]), written
            if len(written) == 2:  # the start of an invocation and its first step
                return OneStatement(_INSERT_TWO, written[0] + written[1]), written

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_INSERT, written)
            if apart:
                connection.executemany(payloads.INSERT, apart)

        return work, written

    @staticmethod
    def copy_entries(connection: sqlite3.Connection, worker: int, target: int, first: int, last: int) -> None:
        """Give `target` a copy of entries of `worker` and all long texts, in a transaction that is open."""
        connection.create_function(
            "copied", -1, lambda crc, old, new, *columns: checksums.copied(crc, old, new, columns)
        )
        connection.execute(_COPY, (target, target, worker, first, last))
        connection.execute(
            "INSERT OR IGNORE INTO payload (worker, hash, data) SELECT ?, hash, data FROM payload WHERE worker = ?",
            (target, worker),
        )

    # Errors

    def explained(self, work: Callable[[], T]) -> T:
        """Do something with the file otherwise; what SQLite reports becomes a StoreError."""
        with self._explained():
            return work()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except schema.NewerSchemaError as error:
            raise StoreError(str(self.path), str(error)) from error
        except sqlite3.Error as error:
            raise StoreError(str(self.path), explanation(error, self.path)) from error
        except tables.DamagedRow as error:
            raise self._damaged_row(error) from error

    def _damaged_row(self, found: tables.DamagedRow) -> DamagedError:
        """What a damaged row means to its worker."""
        row = found.row
        if "worker" in row:
            return self.damage(row["worker"], row.get("idx", 0), found.table)
        if found.table == "grants":
            kind, _, number = str(row["owner"]).partition(" ")
            named = self.name_of(int(number)) if number.isdigit() else number
            return DamagedError(str(self.path), f"{kind} {named!r}", 0, found.table)
        if found.table in {"bucket", "object", "container"}:
            named = " of ".join(repr(row[column]) for column in reversed(tables.PLACES[found.table]))
            return DamagedError(str(self.path), named, 0, found.table)
        if found.table == "build":
            named = self.read_one("SELECT name FROM component WHERE id = ?", (row["component"],))
            return DamagedError(str(self.path), str(named[0] if named else row["component"]), 0, found.table)
        return DamagedError(str(self.path), tables.shown_name(row), 0, found.table)


def _is_apart(text: str | None) -> bool:
    return text is not None and text[:1] == "@"


def _put_apart(worker: int, text: str, apart: list[tuple[int, str, str]]) -> str:
    """Put a long text among those that stand apart; what stands for it in the entry's row."""
    row = payloads.row(worker, text)
    apart.append(row)
    return f"@{row[1]}"
