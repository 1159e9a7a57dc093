"""The database file `durable.sqlite3` of a data directory: its tables, and how an older file is brought up to date.

    meta        one row per setting; `schema` is the version below, `id` identifies the data directory
    component   a component's name and its UUID, derived from the name
    build       its builds by content hash; versions count 0, 1, 2 … in order of first use
    worker      worker names, unique in the directory; `id` is the key everywhere else
    entry       the oplogs. `idx` counts from 1 within a worker; `time` is nanoseconds since 1970; `request` and
                `response` are JSON (bytes as {"base64": …}), or `@` and a hash where the text is in `payload`;
                `detail` is a JSON object with the members of an entry that have no column
    payload     long texts, keyed by their SHA-256
    queue       accepted invocations that have not begun, in order of `id`
    schedule    invocations that are put into the queue at `time`; a row stays until its invocation has begun
    promise     promises, known by `maker` and `number`; `data` is JSON once the state is `completed`; `type` describes
                what it takes; `done` and `gone` are the indices that were the last when it was completed and deleted
    retired     names of deleted workers, and how many indices were used under them: ids are never used again
    grants      what a worker ("worker ID") and all workers of a component ("component NAME") may do, as JSON; `wants`
                is what the worker has stopped for the want of
    control     what other processes ask of the one that runs a worker, in order of `id`
    waits       which worker waits for which that another process holds; what is older than some seconds means nothing
    standing    what an oplog amounts to up to entry `idx`, which has the checksum `entry`; `folded` is JSON in the form
                of the version `folder`. A cache: what is damaged, or not there, is made anew from the entries
    bucket      key-value stores: one row per key, shared by all workers of the directory
    container, object    blob stores
    dropped     what the entries up to `idx` amounted to that were dropped from the beginning of an oplog; `reach` is
                the first entry that the worker can go back to, `archive` the folder that they were copied to
    snapshot    the states that the last entries `snapshot` of a worker stand for

Long texts stand in `payload` also for `request` of `queue` and `schedule`, and for `data` of `promise`. `crc` is a
checksum of a row (`checksums.py`), with all its columns and its place in them; that of an entry made by schema 1 or 2
covers its texts alone. `place` is a checksum of that by which a row is looked for, so that one whose name or number was
altered is found to be damaged, and not taken for one that is not there.

Read it with the sqlite3 command, for example:

    SELECT idx, kind, datetime(time / 1000000000, 'unixepoch'), function, response FROM entry WHERE worker = 1;

A file with a newer schema is refused. Migrations run in one transaction each, so being killed in one leaves the older
schema whole.
"""

from __future__ import annotations

import sqlite3
import uuid

from durable_dsl.engine.oplog import tables

VERSION = 3
_FIRST_WITH_CHECKSUMS = 3  # in all tables

_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE component (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE build (
        component TEXT NOT NULL, version INTEGER NOT NULL, hash TEXT NOT NULL, size INTEGER NOT NULL,
        time INTEGER NOT NULL, PRIMARY KEY (component, version), UNIQUE (component, hash)
    ) WITHOUT ROWID;
    CREATE TABLE worker (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, component TEXT NOT NULL, time INTEGER NOT NULL
    );
    CREATE TABLE entry (
        worker INTEGER NOT NULL, idx INTEGER NOT NULL, time INTEGER NOT NULL, kind TEXT NOT NULL, function TEXT,
        type TEXT, request TEXT, response TEXT, "begin" INTEGER, key TEXT, detail TEXT, crc INTEGER NOT NULL,
        PRIMARY KEY (worker, idx)
    ) WITHOUT ROWID;
    CREATE INDEX entry_key ON entry (worker, key) WHERE key IS NOT NULL;
    CREATE TABLE payload (
        worker INTEGER NOT NULL, hash TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (worker, hash)
    ) WITHOUT ROWID;
    CREATE TABLE queue (
        id INTEGER PRIMARY KEY AUTOINCREMENT, worker INTEGER NOT NULL, function TEXT NOT NULL, request TEXT NOT NULL,
        key TEXT NOT NULL, UNIQUE (worker, key)
    );
    CREATE TABLE promise (
        worker INTEGER NOT NULL, idx INTEGER NOT NULL, state TEXT NOT NULL, data TEXT, PRIMARY KEY (worker, idx)
    ) WITHOUT ROWID;
    CREATE TABLE control (worker INTEGER PRIMARY KEY, action TEXT NOT NULL);
    CREATE TABLE bucket (
        bucket TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (bucket, key)
    ) WITHOUT ROWID;
    CREATE TABLE container (name TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE object (
        container TEXT NOT NULL, name TEXT NOT NULL, time INTEGER NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY (container, name)
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE schedule (
        id INTEGER PRIMARY KEY AUTOINCREMENT, worker INTEGER NOT NULL, function TEXT NOT NULL, request TEXT NOT NULL,
        key TEXT NOT NULL, time INTEGER NOT NULL, UNIQUE (worker, key)
    );
    CREATE INDEX schedule_time ON schedule (time);
    """,
    # Columns are appended here, and named in `tables.COLUMNS`, which has them covered by their row's checksum.
    """
    ALTER TABLE component ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE build ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE worker ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE queue ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE schedule ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE promise ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE grants (owner TEXT PRIMARY KEY, grants TEXT NOT NULL, wants TEXT, crc INTEGER NOT NULL) WITHOUT ROWID;
    ALTER TABLE promise ADD COLUMN maker TEXT;
    ALTER TABLE promise ADD COLUMN number INTEGER;
    ALTER TABLE promise ADD COLUMN type TEXT;
    ALTER TABLE promise ADD COLUMN done INTEGER;
    ALTER TABLE promise ADD COLUMN gone INTEGER;
    UPDATE promise SET number = idx, maker = (SELECT name FROM worker WHERE worker.id = promise.worker);
    CREATE INDEX promise_id ON promise (maker, number);
    CREATE TABLE waits (caller INTEGER PRIMARY KEY, callee INTEGER NOT NULL, process TEXT NOT NULL, time REAL NOT NULL);
    CREATE TABLE retired (name TEXT PRIMARY KEY, indices INTEGER NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
    ALTER TABLE control RENAME TO control_2;
    CREATE TABLE control (id INTEGER PRIMARY KEY AUTOINCREMENT, worker INTEGER NOT NULL, action TEXT NOT NULL);
    INSERT INTO control (worker, action) SELECT worker, action FROM control_2;
    DROP TABLE control_2;
    ALTER TABLE bucket ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE container ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE object ADD COLUMN crc INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE worker ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE promise ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE grants ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE retired ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE bucket ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE container ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE object ADD COLUMN place INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX worker_place ON worker (place);
    CREATE INDEX promise_place ON promise (place);
    CREATE INDEX grants_place ON grants (place);
    CREATE INDEX retired_place ON retired (place);
    CREATE INDEX bucket_place ON bucket (place);
    CREATE INDEX container_place ON container (place);
    CREATE INDEX object_place ON object (place);
    CREATE TABLE standing (
        worker INTEGER PRIMARY KEY, idx INTEGER NOT NULL, entry INTEGER NOT NULL, folder INTEGER NOT NULL,
        folded TEXT NOT NULL, crc INTEGER NOT NULL
    );
    CREATE INDEX entry_revert ON entry (worker, idx) WHERE kind = 'revert';
    CREATE TABLE snapshot (
        worker INTEGER NOT NULL, idx INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL,
        PRIMARY KEY (worker, idx)
    ) WITHOUT ROWID;
    CREATE TABLE dropped (
        worker INTEGER PRIMARY KEY, idx INTEGER NOT NULL, reach INTEGER NOT NULL, folded TEXT NOT NULL, archive TEXT,
        crc INTEGER NOT NULL
    );
    """,
)


class NewerSchemaError(Exception):
    """The file was written by a later version of this package; nothing is changed in it."""

    def __init__(self, found: int) -> None:
        super().__init__(found)
        self.found = found

    def __str__(self) -> str:
        return f"the data directory has schema {self.found}; this version of durable-dsl knows up to {VERSION}"


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version of an open file; 0 for a new one."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
    if known is None:
        return 0
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if row is None or not str(row[0]).isdigit():
        raise sqlite3.DatabaseError("file is not a database of durable-dsl: its table `meta` names no schema")
    return int(row[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to `VERSION`. Two processes may open a new file at once: the second waits and finds it done."""
    if version_of(connection) == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = version_of(connection)
        if found > VERSION:
            raise NewerSchemaError(found)
        if found == 0:
            connection.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
            connection.execute("INSERT INTO meta (key, value) VALUES ('id', ?)", (str(uuid.uuid4()),))
        for script in _MIGRATIONS[found:]:
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
        if found < _FIRST_WITH_CHECKSUMS <= VERSION:
            tables.seal_all(connection)
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('schema', ?)", (str(VERSION),))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
