"""What a data directory holds: components by name and content hash, and workers by name.

A component's UUID is derived from its name, so that the same component has the same UUID everywhere. Its builds get
versions 0, 1, 2 … in order of first use here, and their files are kept, by hash: a worker can always be recovered.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING

from durable_dsl.engine.directory.component_file import ComponentFile
from durable_dsl.engine.directory.worker_names import check_name, is_text
from durable_dsl.engine.errors import DamagedError, StoreError, UsageError
from durable_dsl.engine.grants import permissions
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.oplog.tables import shown_name
from durable_dsl.engine.whole_files import write_whole
from durable_dsl.values.component_ids import component_id_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from durable_dsl.engine.grants.granted import Grants
    from durable_dsl.engine.oplog.entries import Create
    from durable_dsl.engine.oplog.store import Store

#: The last entry that may be a promise or a resource.
_GIVEN_OUT = (
    "SELECT max(idx) FROM (SELECT idx FROM entry WHERE worker = ? AND kind IN ('no-op', 'create-resource')"
    " UNION ALL SELECT idx FROM dropped WHERE worker = ?)"
)
#: What has rows of a worker by its number.
_OF_WORKER = ("entry", "payload", "queue", "schedule", "promise", "control", "standing", "snapshot", "dropped")
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

    def register(self, name: str, file: ComponentFile, now: int) -> Build:
        """The build with this content; a new one is copied into the directory and gets the next version."""
        path = self._path(file.hash)
        if not _holds(path, file.hash):
            _write(path, file.content())
        known = self._find(name, file.hash)
        if known is not None:
            return known
        component = component_id_of(name)

        def work(connection: sqlite3.Connection) -> None:
            tables.insert(connection, "component", conflict="IGNORE", id=component, name=name)
            (version,) = connection.execute(_NEXT_VERSION, (component,)).fetchone()
            new = {"component": component, "version": version, "hash": file.hash, "size": file.size, "time": now}
            tables.insert(connection, "build", conflict="IGNORE", **new)

        self._store.transaction(work)
        found = self._find(name, file.hash)
        assert found is not None
        return found

    def build(self, name: str, version: int) -> Build:
        for build in self.builds(name):
            if build.version == version:
                return build
        raise UsageError(f"component {name!r} has no version {version} in this data directory")

    def stored(self, build: Build) -> ComponentFile:
        """The file of a build; raises StoreError where it is not there, or has another content."""
        if not build.path.exists():
            reason = f"build {build.version} of component {build.component!r} is missing; run that build again"
            raise StoreError(str(build.path), reason)
        file = ComponentFile.known(build.path)
        if file.hash != build.hash:
            raise self.damaged(build)
        return file

    def damaged(self, build: Build) -> StoreError:
        """The error that a build's file has not the content that it is named after."""
        reason = f"build {build.version} of component {build.component!r} is damaged; run that build again"
        return StoreError(str(build.path), reason)

    def latest(self, name: str) -> Build | None:
        return next(reversed(self.builds(name)), None)

    def name_of(self, component_id: str) -> str | None:
        row = self._store.select_one("component", "WHERE id = ?", (component_id,))
        return None if row is None else str(row["name"])

    def _find(self, name: str, content_hash: str) -> Build | None:
        return next((build for build in self.builds(name) if build.hash == content_hash), None)

    def builds(self, name: str) -> list[Build]:
        """All builds of a component in the order of their versions, which count from 0 without a gap."""
        component = component_id_of(name)
        found = self._store.select("build", "WHERE component = ? ORDER BY version", (component,))
        if [row["version"] for row in found] != list(range(len(found))):
            raise DamagedError(str(self._store.path), name, 0, "build")
        return [Build(name, component, row["version"], row["hash"], self._path(row["hash"])) for row in found]

    def _path(self, content_hash: str) -> Path:
        return self._files / f"{content_hash}.wasm"

    # Workers

    def worker(self, name: str) -> WorkerRow | None:
        if not is_text(name):
            return None
        row = self._store.at("worker", name)
        return None if row is None else _worker(row)

    def workers(self) -> list[WorkerRow]:
        """Those whose row is as it was written, by name."""
        return [_worker(row) for row in self._store.select("worker", "ORDER BY name", damaged=[])]

    def damaged_workers(self) -> list[WorkerRow]:
        """Those whose row is damaged, as far as it can be read."""
        damaged: list[tables.Row] = []
        self._store.select("worker", "ORDER BY id", damaged=damaged)
        return [WorkerRow(row["id"], shown_name(row), str(row["component"])) for row in damaged]

    def number_of(self, name: str) -> int | None:
        """A worker's number even where its row is damaged; #NUMBER names one whose name cannot be read."""
        found = self._store.read_one("SELECT id FROM worker WHERE name = ?", (name,))
        if found is not None:
            return int(found[0])
        altered = self._store.reading(lambda connection: tables.altered(connection, "worker", (name,)))
        if altered:
            return int(altered[0]["id"])
        return next((row.id for row in self.damaged_workers() if row.name == name), None)

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
        """The same in a transaction that is open; the worker's id, or None where the name is taken.

        What a worker is known by is no other's, be it an earlier one of that name (`identity`).
        """
        check_name(name)
        tables.at(connection, "worker", name)  # one whose name was altered is damaged, not away
        worker = tables.insert(
            connection, "worker", conflict="IGNORE", name=name, component=created.component, time=now
        )
        if worker is not None:
            retired = tables.at(connection, "retired", name)
            earlier = None if retired is None else retired["indices"]
            created = replace(created, earlier=earlier, incarnation=uuid.uuid4().hex)
            self._store.writes(worker, [(1, now, created)])(connection)
        return worker

    def delete_worker(self, worker: int, name: str) -> None:
        """Delete what there is of a worker, whose own row may be damaged."""

        def work(connection: sqlite3.Connection) -> None:
            _retire(connection, worker, name)
            for table in _OF_WORKER:
                connection.execute(f"DELETE FROM {table} WHERE worker = ?", (worker,))  # noqa: S608 - fixed names
            permissions.delete(connection, permissions.worker_owner(worker))
            connection.execute("DELETE FROM worker WHERE id = ?", (worker,))

        self._store.transaction(work)


def _worker(row: tables.Row) -> WorkerRow:
    return WorkerRow(row["id"], row["name"], row["component"])


def _retire(connection: sqlite3.Connection, worker: int, name: str) -> None:
    """What its promises and resources were known by must not be given to those of a later worker of its name."""
    (used,) = connection.execute(_GIVEN_OUT, (worker, worker)).fetchone()
    if not isinstance(used, int):
        return
    earlier = tables.at(connection, "retired", name)
    indices = used + (0 if earlier is None else earlier["indices"])
    tables.insert(connection, "retired", conflict="REPLACE", name=name, indices=indices)


def _holds(path: Path, content_hash: str) -> bool:
    """Whether a file is there and has this content."""
    try:
        return ComponentFile.known(path).hash == content_hash
    except OSError:
        return False


def _write(target: Path, content: bytes) -> None:
    """Write whole or not at all, and on disk before anything refers to it."""

    def fill(out: IO[bytes]) -> None:
        out.write(content)
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
