"""Connections to the database file, and what SQLite's errors mean to people.

Readers use connections of their own, whichever thread needs one. A text that is no UTF-8 any more is read all the same,
with what cannot be decoded escaped: so a damaged row is found by its checksum, as any other, and the rows around it are
read.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from threading import Event
from time import monotonic, sleep
from typing import TYPE_CHECKING, TypeVar

from durable_dsl.engine.oplog.tables import leniently
from durable_dsl.engine.oplog.writer import CLOSED

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
_PATIENCE = 30  # seconds, with others who write
_MOST_IDLE = 16  # connections that are kept


class Readers:
    """The connections that one process reads the file with."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._closed = Event()

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which reads, and reads again where a text cannot be decoded."""
        if self._closed.is_set():
            raise sqlite3.ProgrammingError(CLOSED)
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = connect(self._path)
        try:
            return leniently(connection, work)
        finally:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
            else:
                connection.close()
            if self._closed.is_set():
                self._close_idle()

    def close(self) -> None:
        """Refuse what comes from now on; whoever is reading now comes to an end."""
        self._closed.set()
        self._close_idle()

    def _close_idle(self) -> None:
        """Each connection is in the hands of one thread, which uses it or closes it."""
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().close()


def connect(path: Path) -> sqlite3.Connection:
    """A connection that commits to the disk, and waits for others who write."""
    new = not path.exists() or not path.stat().st_size
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    if new:  # before anything else is written
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _turn_on_log(connection)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def at_one_instant(work: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    """`work` that sees the file as it is when it begins to read, whatever others commit meanwhile."""

    def reading(connection: sqlite3.Connection) -> T:
        connection.execute("BEGIN")
        try:
            return work(connection)
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")

    return reading


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


def explanation(error: sqlite3.Error, path: Path) -> str:
    """What is wrong with the file, and what can be done."""
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
