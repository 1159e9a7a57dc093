"""What a data directory holds: components by name and content hash, and workers by name.

A component's UUID is derived from its name, so that the same component has the same UUID everywhere. Its builds get
versions 0, 1, 2 … in order of first use here, and their files are kept, by hash: a worker can always be recovered.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from durable_dsl.component_ids import component_id_of
from durable_dsl.engine import permissions
from durable_dsl.engine.errors import StoreError, UsageError
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.whole_files import write_whole

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from durable_dsl.engine.grants import Grants
    from durable_dsl.engine.oplog.entries import Create
    from durable_dsl.engine.oplog.store import Store

_NEXT_VERSION = "SELECT coalesce(max(version) + 1, 0) FROM build WHERE component = ?"


@dataclass(frozen=True, slots=True)
class Build:
    """One build of a component, as the data directory knows it."""

    component: str
    component_id: str
    version: int
    hash: str
    path: Path


@dataclass(frozen=True, slots=True)
class WorkerRow:
    id: int
    name: str
    component: str


class Catalogue:
    """Components and workers of one data directory."""

    def __init__(self, store: Store, directory: Path) -> None:
        self._store = store
        self._files = directory / "components"

    # Components

    def register(self, name: str, source: Path, content_hash: str, size: int, now: int) -> Build:
        """The build with this content; a new one is copied into the directory and gets the next version."""
        known = self._find(name, content_hash)
        if known is not None and known.path.exists():
            return known
        path = self._path(content_hash)
        if not path.exists():
            _copy(source, path)
        component = component_id_of(name)

        def work(connection: sqlite3.Connection) -> None:
            tables.insert(connection, "component", conflict="IGNORE", id=component, name=name)
            (version,) = connection.execute(_NEXT_VERSION, (component,)).fetchone()
            known = {"component": component, "version": version, "hash": content_hash, "size": size, "time": now}
            tables.insert(connection, "build", conflict="IGNORE", **known)

        self._store.transaction(work)
        found = self._find(name, content_hash)
        assert found is not None
        return found

    def build(self, name: str, version: int) -> Build:
        row = self._store.select_one("build", "WHERE component = ? AND version = ?", (component_id_of(name), version))
        if row is None:
            raise UsageError(f"component {name!r} has no version {version} in this data directory")
        return Build(name, component_id_of(name), version, row["hash"], self._path(row["hash"]))

    def latest(self, name: str) -> Build | None:
        row = self._store.read_one("SELECT max(version) FROM build WHERE component = ?", (component_id_of(name),))
        return None if row is None or row[0] is None else self.build(name, row[0])

    def name_of(self, component_id: str) -> str | None:
        row = self._store.select_one("component", "WHERE id = ?", (component_id,))
        return None if row is None else str(row["name"])

    def _find(self, name: str, content_hash: str) -> Build | None:
        row = self._store.select_one("build", "WHERE component = ? AND hash = ?", (component_id_of(name), content_hash))
        if row is None:
            return None
        return Build(name, component_id_of(name), row["version"], content_hash, self._path(content_hash))

    def _path(self, content_hash: str) -> Path:
        return self._files / f"{content_hash}.wasm"

    # Workers

    def worker(self, name: str) -> WorkerRow | None:
        row = self._store.select_one("worker", "WHERE name = ?", (name,))
        return None if row is None else _worker(row)

    def workers(self) -> list[WorkerRow]:
        return [_worker(row) for row in self._store.select("worker", "ORDER BY name")]

    def create_worker(self, name: str, created: Create, now: int, grants: Grants | None = None) -> WorkerRow:
        """Make the worker and its entry 1; an existing one of that name is returned as it is."""

        def work(connection: sqlite3.Connection) -> None:
            worker = self.insert_worker(connection, name, created, now)
            if worker is not None and grants:
                permissions.write(connection, permissions.worker_owner(worker), grants)

        self._store.transaction(work)
        row = self.worker(name)
        assert row is not None
        return row

    def insert_worker(self, connection: sqlite3.Connection, name: str, created: Create, now: int) -> int | None:
        """The same in a transaction that is open; the worker's id, or None where the name is taken."""
        worker = tables.insert(
            connection, "worker", conflict="IGNORE", name=name, component=created.component, time=now
        )
        if worker is not None:
            self._store.writes(worker, [(1, now, created)])(connection)
        return worker

    def delete_worker(self, worker: int) -> None:
        def work(connection: sqlite3.Connection) -> None:
            for table in ("entry", "payload", "queue", "schedule", "promise", "control"):
                connection.execute(f"DELETE FROM {table} WHERE worker = ?", (worker,))  # noqa: S608 - fixed names
            permissions.delete(connection, permissions.worker_owner(worker))
            connection.execute("DELETE FROM worker WHERE id = ?", (worker,))

        self._store.transaction(work)


def _worker(row: tables.Row) -> WorkerRow:
    return WorkerRow(row["id"], row["name"], row["component"])


def _copy(source: Path, target: Path) -> None:
    """Copy whole or not at all, and on disk before anything refers to it."""

    def fill(out: IO[bytes]) -> None:
        with source.open("rb") as content:
            shutil.copyfileobj(content, out, 1 << 20)
        out.flush()
        os.fsync(out.fileno())

    try:
        write_whole(target, fill)
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # the name too
        finally:
            os.close(directory)
    except OSError as error:
        raise StoreError(str(target), error.strerror or str(error)) from error
