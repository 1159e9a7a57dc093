"""Giving free pages of the database file back to the file system.

A file that this version has made can give them back a few at a time. An older one is written anew once, and can then.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from durable_dsl.engine.oplog.connections import connect

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.oplog.store import Store

_INCREMENTAL = 2
_AT_ONCE = 2_000  # pages: others write meanwhile


def give_back(store: Store) -> None:
    """Make the file as small as what is in it. Raises StoreError, as where a file has no space to be written anew."""
    store.explained(lambda: _give_back(store))


def _give_back(store: Store) -> None:
    with closing(connect(store.path)) as connection:
        if not _free(connection):
            return
        if connection.execute("PRAGMA auto_vacuum").fetchone()[0] != _INCREMENTAL:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("VACUUM")
        while left := _free(connection):
            # As a script: the statement gives a row without columns for each page, and `execute` stops at the first.
            connection.executescript(f"PRAGMA incremental_vacuum({_AT_ONCE})")
            if _free(connection) >= left:  # others free pages as fast
                break
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _free(connection: sqlite3.Connection) -> int:
    """How many pages are free."""
    return int(connection.execute("PRAGMA freelist_count").fetchone()[0])
