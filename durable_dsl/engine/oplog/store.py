"""The database of a data directory: opening it, and reading and writing oplogs.

Readers and the writer use connections of their own, so reading never waits for a flush. All writing goes through
`transaction`, which groups what comes at the same time (`writer.py`). An oplog is written as a prefix: rows reach
the writer in the order of their indices, under the log's lock.

Errors of the file are told apart: `DamagedError` for contents that do not match their checksums, `StoreError` for
everything that SQLite reports (no space, no permission, not a database).
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from threading import Event
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, TypeVar

from durable_dsl.engine.errors import DamagedError, StoreError
from durable_dsl.engine.oplog import checksums, payloads, schema, tables
from durable_dsl.engine.oplog.entries import Damaged, Entry, Record, entry_of
from durable_dsl.engine.oplog.writer import CLOSED, OneStatement, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence
    from pathlib import Path

    from durable_dsl.engine.probe import Probe

T = TypeVar("T")
FILE = "durable.sqlite3"
_PATIENCE = 30  # seconds, with others who write
_MOST_IDLE = 16  # connections for reading that are kept
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


class Store:
    """One open database file, shared by all threads of the process."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._idle: list[sqlite3.Connection] = []  # for reading, whichever thread needs one
        self._closed = Event()
        #: Who is told where the workers of this process get to; set before they are opened.
        self.probe: Probe | None = None
        with self._explained():
            connection = self._connect()
            schema.migrate(connection)
            connection.execute("PRAGMA wal_autocheckpoint = 256")
        self.writer = Writer(connection)

    def close(self) -> None:
        """Refuse what comes from now on; whoever is reading now comes to an end."""
        self._closed.set()
        self._close_idle()
        self.writer.close()

    def _close_idle(self) -> None:
        """Each connection is in the hands of one thread, which uses it or closes it."""
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()

    # Reading

    def read(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        return self.reading(lambda connection: connection.execute(query, parameters).fetchall())

    def reading(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which only reads."""
        with self._explained():
            if self._closed.is_set():
                raise sqlite3.ProgrammingError(CLOSED)
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect()
            try:
                return work(connection)
            finally:
                if len(self._idle) < _MOST_IDLE:
                    self._idle.append(connection)
                else:
                    connection.close()
                if self._closed.is_set():
                    self._close_idle()

    def read_one(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        found = self.read(query, parameters)
        return found[0] if found else None

    def select(self, table: str, condition: str = "", parameters: Sequence[Any] = ()) -> list[tables.Row]:
        """Rows of one of the small tables, checked (`tables.select`); raises DamagedError."""
        return self.reading(lambda connection: list(tables.select(connection, table, condition, parameters)))

    def select_one(self, table: str, condition: str = "", parameters: Sequence[Any] = ()) -> tables.Row | None:
        """The first such row, or None."""
        return self.reading(lambda connection: tables.one(connection, table, condition, parameters))

    def rows(
        self, worker: int, condition: str = "", parameters: Sequence[Any] = (), *, without: Container[int] = ()
    ) -> list[Any]:
        """The entry rows of `worker` in order: idx, time, kind, function, type, request, response, begin, key, detail.

        Checksums (the member after these) are verified and long texts fetched. Indices in `without` are left out, so
        that a damaged entry does no harm once it was taken out of the history.
        """
        found = self.read(f"{_SELECT} WHERE worker = ? {condition} ORDER BY idx", (worker, *parameters))
        if without:
            found = [row for row in found if row[0] not in without]
        for at, row in enumerate(found):
            if not checksums.entry_matches(worker, row[:10], row[10]):
                raise DamagedError(str(self.path), self.name_of(worker), row[0])
            if "@" in {(row[5] or "")[:1], (row[6] or "")[:1], (row[9] or "")[:1]}:
                found[at] = (*row[:3], *(self._fetch(worker, row[0], value) for value in row[3:10]))
        return found

    def records(self, worker: int, condition: str = "", parameters: Sequence[Any] = ()) -> Iterator[Record]:
        """The entries of `worker` in order; raises DamagedError at one that is damaged."""
        for row in self.rows(worker, condition, parameters):
            yield self._record(worker, row)

    def shown(self, worker: int) -> Iterator[Record]:
        """All entries, a damaged one as what it is: for people to see where."""
        for index, time, kind in self.read(
            "SELECT idx, time, kind FROM entry WHERE worker = ? ORDER BY idx", (worker,)
        ):
            try:
                yield from self.records(worker, "AND idx = ?", (index,))
            except DamagedError:
                yield Record(index, time, Damaged(kind))

    def _record(self, worker: int, row: Any) -> Record:
        try:
            return Record(row[0], row[1], entry_of(row[2:10]))
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError(str(self.path), self.name_of(worker), row[0]) from error

    def last_index(self, worker: int) -> int:
        return int(self.read_one("SELECT coalesce(max(idx), 0) FROM entry WHERE worker = ?", (worker,))[0])

    def name_of(self, worker: int) -> str:
        row = self.read_one("SELECT name FROM worker WHERE id = ?", (worker,))
        return row[0] if row else f"#{worker}"

    def _fetch(self, worker: int, index: int, value: Any) -> Any:
        try:
            return self.reading(lambda connection: payloads.get(connection, worker, value))
        except payloads.Missing:
            raise DamagedError(str(self.path), self.name_of(worker), index) from None

    # Writing

    def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction, and return once its effect is on disk."""
        with self._explained():
            return self.writer.run(work)

    def writes(self, worker: int, entries: Iterable[tuple[int, int, Entry]]) -> Callable[[sqlite3.Connection], None]:
        """The work of adding entries (index, time, entry) to the log of `worker`; prepared outside the transaction."""
        written = []
        apart: list[tuple[int, str, str]] = []
        for index, time, entry in entries:
            kind, function, type_, request, response, begin, key, detail = entry.row()
            if request is not None and len(request) > INLINE_LIMIT:
                request = _apart(worker, request, apart)
            if response is not None and len(response) > INLINE_LIMIT:
                response = _apart(worker, response, apart)
            if detail is not None and len(detail) > INLINE_LIMIT:
                detail = _apart(worker, detail, apart)
            columns = (index, time, kind, function, type_, request, response, begin, key, detail)
            written.append((worker, *columns, checksums.of_entry(worker, columns)))
        if not apart:
            if len(written) == 1:
                return OneStatement(_INSERT, written[0])
            if len(written) == 2:  # the start of an invocation and its first step
                return OneStatement(_INSERT_TWO, written[0] + written[1])

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_INSERT, written)
            if apart:
                connection.executemany(payloads.INSERT, apart)

        return work

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

    # Connections

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        _turn_on_log(connection)
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except schema.NewerSchemaError as error:
            raise StoreError(str(self.path), str(error)) from error
        except sqlite3.Error as error:
            raise StoreError(str(self.path), _explanation(error, self.path)) from error
        except tables.DamagedRow as error:
            raise self._damage(error) from error

    def _damage(self, found: tables.DamagedRow) -> DamagedError:
        """What a damaged row means to its worker."""
        row = found.row
        name = row["name"] if found.table == "worker" else self.name_of(row["worker"]) if "worker" in row else ""
        return DamagedError(str(self.path), str(name), row.get("idx", 0), found.table)


def _turn_on_log(connection: sqlite3.Connection) -> None:
    """Where several processes do this to a new file at once, SQLite refuses all but one of them without waiting."""
    deadline = monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > deadline:
                raise
            sleep(0.005)
        else:
            return


def _apart(worker: int, text: str, apart: list[tuple[int, str, str]]) -> str:
    """Put a long text among those that stand apart; what stands for it in the entry's row."""
    row = payloads.row(worker, text)
    apart.append(row)
    return f"@{row[1]}"


def _explanation(error: sqlite3.Error, path: Path) -> str:
    text = str(error)
    if "closed database" in text:
        return "the engine was closed"
    if "disk is full" in text:
        return "no space left on the disk; what was committed is whole, free some space and try again"
    if "disk I/O error" in text:
        return "the disk cannot be read or written (disk I/O error); what was committed is whole"
    if "readonly" in text or "unable to open" in text:
        refused = next(
            (where for where in (path, path.parent) if where.exists() and not os.access(where, os.W_OK)), None
        )
        if refused == path.parent:
            return "cannot write to its directory, where SQLite keeps the log of the file: permission denied"
        return "cannot write to it" + ("" if refused is None else ": permission denied")
    if "not a database" in text or "malformed" in text:
        return f"the file is damaged ({text}); `sqlite3 {path} .recover` may save what is readable"
    return text
