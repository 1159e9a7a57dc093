"""The database of a data directory: opening it, and reading and writing oplogs.

Readers and the writer use connections of their own, so reading never waits for a flush. All writing goes through
`transaction`, which groups what comes at the same time (`writer.py`). An oplog is written as a prefix: rows reach
the writer in the order of their indices, under the log's lock.

Errors of the file are told apart: `DamagedError` for contents that do not match their checksums, `StoreError` for
everything that SQLite reports (no space, no permission, not a database).
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from durable_dsl.engine.errors import DamagedError, StoreError
from durable_dsl.engine.oplog import schema
from durable_dsl.engine.oplog.entries import Entry, Record, entry_of
from durable_dsl.engine.oplog.writer import Writer
from durable_dsl.engine.probe import Probe

T = TypeVar("T")
FILE = "durable.sqlite3"
INLINE_LIMIT = 64 * 1024
_INSERT = "INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT = 'SELECT idx, time, kind, function, type, request, response, "begin", key, detail, crc FROM entry'


class Store:
    """One open database file, shared by all threads of the process."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._local = threading.local()
        self._readers: list[sqlite3.Connection] = []
        #: Who is told where the workers of this process get to; set before they are opened.
        self.probe: Probe | None = None
        with self._explained():
            connection = self._connect()
            schema.migrate(connection)
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        self._connection = connection
        self.writer = Writer(connection)

    def close(self) -> None:
        for connection in [*self._readers, self._connection]:
            connection.close()

    # Reading

    def read(self, query: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with self._explained():
            return self._reader().execute(query, parameters).fetchall()

    def read_one(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        with self._explained():
            return self._reader().execute(query, parameters).fetchone()

    def rows(self, worker: int, condition: str = "", parameters: Sequence[Any] = ()) -> Iterator[Any]:
        """The entry rows of `worker` in order: idx, time, kind, function, type, request, response, begin, key, detail.

        Checksums are verified and long texts fetched on the way.
        """
        with self._explained():
            query = f"{_SELECT} WHERE worker = ? {condition} ORDER BY idx"
            for row in self._reader().execute(query, (worker, *parameters)):
                texts = (row[3], row[5], row[6], row[9])
                if _checksum(texts) != row[10]:
                    raise DamagedError(str(self.path), self.name_of(worker), row[0])
                if any(text is not None and text[:1] == "@" for text in texts):
                    yield (*row[:3], *(self._fetch(worker, row[0], value) for value in row[3:10]))
                else:
                    yield row[:10]

    def records(self, worker: int, condition: str = "", parameters: Sequence[Any] = ()) -> Iterator[Record]:
        for row in self.rows(worker, condition, parameters):
            try:
                yield Record(row[0], row[1], entry_of(row[2:]))
            except (KeyError, TypeError, ValueError) as error:
                raise DamagedError(str(self.path), self.name_of(worker), row[0]) from error

    def last_index(self, worker: int) -> int:
        return int(self.read_one("SELECT coalesce(max(idx), 0) FROM entry WHERE worker = ?", (worker,))[0])

    def name_of(self, worker: int) -> str:
        row = self.read_one("SELECT name FROM worker WHERE id = ?", (worker,))
        return row[0] if row else f"#{worker}"

    def _fetch(self, worker: int, index: int, value: Any) -> Any:
        if not isinstance(value, str) or value[:1] != "@":
            return value
        row = self.read_one("SELECT data FROM payload WHERE worker = ? AND hash = ?", (worker, value[1:]))
        if row is None or _hash(row[0]) != value[1:]:
            raise DamagedError(str(self.path), self.name_of(worker), index)
        return row[0]

    # Writing

    def transaction(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in a transaction, and return once its effect is on disk."""
        with self._explained():
            return self.writer.run(work)

    def writes(self, worker: int, entries: Iterable[tuple[int, int, Entry]]) -> Callable[[sqlite3.Connection], None]:
        """The work of adding entries (index, time, entry) to the log of `worker`; prepared outside the transaction."""
        rows = []
        payloads = []
        for index, time, entry in entries:
            kind, function, type_, request, response, begin, key, detail = entry.row()
            texts = [function, request, response, detail]
            for position, text in enumerate(texts):
                if text is not None and len(text) > INLINE_LIMIT:
                    digest = _hash(text)
                    payloads.append((worker, digest, text))
                    texts[position] = f"@{digest}"
            function, request, response, detail = texts
            crc = _checksum(texts)
            rows.append((worker, index, time, kind, function, type_, request, response, begin, key, detail, crc))

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_INSERT, rows)
            if payloads:
                connection.executemany("INSERT OR IGNORE INTO payload VALUES (?, ?, ?)", payloads)

        return work

    # Connections

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        return connection

    def _reader(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._readers.append(connection)
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except schema.NewerSchemaError as error:
            raise StoreError(str(self.path), str(error)) from error
        except sqlite3.Error as error:
            raise StoreError(str(self.path), _explanation(error, self.path)) from error


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _checksum(texts: Iterable[str | None]) -> int:
    return zlib.crc32("\0".join([text or "" for text in texts]).encode("utf-8", "surrogatepass"))


def _explanation(error: sqlite3.Error, path: Path) -> str:
    text = str(error)
    if "disk is full" in text:
        return "no space left on the disk; what was committed is whole, free some space and try again"
    if "readonly" in text or "unable to open" in text:
        where = path if path.exists() else path.parent
        allowed = os.access(where, os.W_OK)
        return f"cannot write to {where}" + ("" if allowed else ": permission denied")
    if "not a database" in text or "malformed" in text:
        return f"the file is damaged ({text}); `sqlite3 {path} .recover` may save what is readable"
    return text
