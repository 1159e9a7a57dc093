"""What a data directory takes up, what of it nobody needs any more, and giving that back.

Nothing that a worker's history, its queue or a call that may still come rests on is removed: where that cannot be told,
because something is damaged, it stays.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from durable_dsl import temporary
from durable_dsl.engine.directory.cache import user_cache
from durable_dsl.engine.directory.lease import Lease
from durable_dsl.engine.errors import DamagedError, LeaseError, StoreError
from durable_dsl.engine.oplog.connections import connect
from durable_dsl.engine.oplog.entries import Create, PendingUpdate, SuccessfulUpdate
from durable_dsl.engine.retention.policy import Retention
from durable_dsl.engine.retention.pruning import Dropped, drop_by_age
from durable_dsl.engine.retention.space import give_back
from durable_dsl.engine.standing import dropped
from durable_dsl.engine.whole_files import abandoned
from durable_dsl.values.component_ids import component_id_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.oplog.entries import Record

_ENTRIES = (
    "SELECT worker, count(*), sum(length(CAST(coalesce(request, '') || coalesce(response, '') || coalesce(detail, '')"
    " AS BLOB))) FROM entry GROUP BY worker"
)
_PAYLOADS = "SELECT worker, count(*), sum(length(CAST(data AS BLOB))) FROM payload GROUP BY worker"
_COUNTED = (
    "worker", "entry", "payload", "queue", "schedule", "promise", "grants", "bucket", "container", "object", "snapshot",
)  # fmt: skip
_REFERENCES = (
    "SELECT worker, substr({0}, 2) FROM {1} WHERE substr({0}, 1, 1) = '@'",
    (("entry", "request"), ("entry", "response"), ("entry", "detail"), ("queue", "request"), ("schedule", "request"),
     ("promise", "data")),
)  # fmt: skip
_VERSIONS = "AND idx > ? AND kind IN ('create', 'pending-update', 'successful-update')"
_NAMING = (Create, PendingUpdate, SuccessfulUpdate)  # entries that name a build


@dataclass(slots=True)
class Leftovers:
    """What nobody needs: files by path, builds of components, long texts, all with their bytes."""

    files: list[Path] = field(default_factory=list)
    components: list[str] = field(default_factory=list)
    payloads: int = 0
    bytes: int = 0
    #: Whether components were looked at: no other process used the directory.
    alone: bool = True
    by_age: Dropped = field(default_factory=Dropped)

    def add(self, path: Path) -> None:
        with contextlib.suppress(OSError):
            size = sum(each.stat().st_size for each in path.rglob("*")) if path.is_dir() else path.stat().st_size
            self.files.append(path)
            self.bytes += size

    def as_json(self) -> dict[str, Any]:
        files = [str(path) for path in self.files]
        facts = {"files": files, "components": self.components, "payloads": self.payloads, "bytes": self.bytes}
        return {**facts, "in_use": not self.alone, **self.by_age.as_json()}


def sizes(engine: Engine) -> dict[str, Any]:
    """Bytes and rows by file, table, worker and component."""
    store = engine.store
    entries = {worker: (count, size or 0) for worker, count, size in store.read(_ENTRIES)}
    payloads = {worker: (count, size or 0) for worker, count, size in store.read(_PAYLOADS)}
    rows = [*engine.catalogue.workers(), *engine.catalogue.damaged_workers()]
    nothing = (0, 0)
    workers = [
        {
            "name": row.name,
            "component": row.component,
            "entries": entries.get(row.id, nothing)[0],
            "bytes": entries.get(row.id, nothing)[1] + payloads.get(row.id, nothing)[1],
        }
        for row in rows
    ]
    of_component: dict[str, list[Path]] = {}
    for name, content_hash in store.read("SELECT name, hash FROM build JOIN component ON component = component.id"):
        of_component.setdefault(name, []).append(engine.data / "components" / f"{content_hash}.wasm")
    components = [
        {
            "name": name,
            "builds": len(files),
            "workers": sum(row.component == name for row in rows),
            "bytes": sum(_size(file) for file in files),
        }
        for name, files in sorted(of_component.items())
    ]
    free, page = (store.read_one(f"PRAGMA {name}")[0] for name in ("freelist_count", "page_size"))
    return {
        "data": str(engine.data),
        "database": _size(store.path),
        "log": _size(store.path.with_name(f"{store.path.name}-wal")),
        "free": free * page,
        "tables": {name: store.read_one(f"SELECT count(*) FROM {name}")[0] for name in _COUNTED},  # noqa: S608 - fixed
        "workers": workers,
        "components": components,
    }


def prune(engine: Engine, retention: Retention | None = None, *, dry_run: bool = False) -> Leftovers:
    """Remove what nobody needs, and what is due by age, or only say what that is; the file gets smaller by it."""
    by_age = drop_by_age(engine, retention or Retention(), dry_run=dry_run)
    with engine.use.alone() as alone:
        left = _prune(engine, dry_run=dry_run, alone=alone)
    left.by_age = by_age
    if not dry_run:
        give_back(engine.store)
    return left


def _prune(engine: Engine, *, dry_run: bool, alone: bool) -> Leftovers:
    left = Leftovers(alone=alone)
    if alone:  # another process may have loaded a component that it has no worker of yet
        _find_builds(engine, left)
    numbers = {number for (number,) in engine.store.read("SELECT id FROM worker")}
    orphans = _orphans(engine)
    left.payloads = len(orphans)
    left.bytes += sum(size for _, _, size in orphans)
    for path in sorted(engine.leases.glob("*")) if engine.leases.is_dir() else ():
        if path.name.isdigit() and int(path.name) not in numbers and _is_free(engine, path):
            left.add(path)
    for folder in (engine.data / "components", engine.data):
        for path in abandoned(folder):
            left.add(path)
    if dry_run:
        for path in temporary.abandoned():
            left.add(path)
        return left
    if orphans or left.components:
        engine.store.transaction(lambda connection: _delete(connection, left.components))
    for path in left.files:
        path.unlink(missing_ok=True)
    for path in temporary.abandoned():
        left.add(path)
    temporary.remove_abandoned()
    return left


def compact(engine: Engine) -> tuple[int, int]:
    """Write the database anew without what is free in it; its size before and after. Needs as much space once more."""
    path = engine.store.path
    before = _size(path) + _size(path.with_name(f"{path.name}-wal"))

    def work() -> None:
        with contextlib.closing(connect(path)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    engine.store.explained(work)
    return before, _size(path) + _size(path.with_name(f"{path.name}-wal"))


def _find_builds(engine: Engine, left: Leftovers) -> None:
    """Components without workers, builds that no worker was ever on but the latest, files that no build has."""
    names = [name for (name,) in engine.store.read("SELECT name FROM component ORDER BY name")]
    if engine.catalogue.damaged_workers():  # of which component is not known
        return
    kept: set[Path] = set()
    for name in names:
        try:
            builds = engine.catalogue.builds(name)
            versions = _versions_in_use(engine, name)
        except DamagedError:
            return
        if versions is None:
            kept.update(build.path for build in builds)
        elif versions:
            kept.update(build.path for build in builds if build.version in versions or build is builds[-1])
        else:
            left.components.append(name)
    for path in sorted((engine.data / "components").glob("*.wasm")):
        if path not in kept:
            left.add(path)
            for compiled in sorted(user_cache().glob(f"{path.stem}-*.cwasm")):  # made anew where it is run again
                left.add(compiled)


def _versions_in_use(engine: Engine, component: str) -> set[int] | None:
    """The builds that the workers of a component were on, are on, or are to move to; None where that is not known."""
    found: set[int] = set()
    for row in engine.catalogue.workers():
        if row.component == component:
            try:
                gone = dropped.of(engine.store, row.id)
                after = 0 if gone is None else gone.upto  # it does not go back to a build from before that
                records = list(engine.store.records(row.id, _VERSIONS, (after,)))
                engine.store.over(row.id, "", (), lambda rows: sum(1 for _ in rows), apart=False)
            except DamagedError:
                return None
            found.update(one.entry.version for one in records if isinstance(one.entry, _NAMING))
            if gone is not None and not _is_update_at(records, gone.upto + 1):
                found.add(gone.summary.version)
    return found


def _is_update_at(records: list[Record], index: int) -> bool:
    """Whether the snapshot at an entry is that of an update: another build than the one before takes it over."""
    return any(one.index == index and isinstance(one.entry, PendingUpdate) for one in records)


def _orphans(engine: Engine) -> list[tuple[int, str, int]]:
    """The long texts that no row stands for: worker, hash, bytes."""
    return engine.store.reading(_unreferenced)


def _unreferenced(connection: sqlite3.Connection) -> list[tuple[int, str, int]]:
    query, places = _REFERENCES
    used: set[tuple[int, str]] = set()
    for table, column in places:
        used.update(connection.execute(query.format(column, table)).fetchall())
    found = connection.execute("SELECT worker, hash, length(CAST(data AS BLOB)) FROM payload").fetchall()
    return [(worker, digest, size) for worker, digest, size in found if (worker, digest) not in used]


def _delete(connection: sqlite3.Connection, components: list[str]) -> None:
    for worker, digest, _ in _unreferenced(connection):
        connection.execute("DELETE FROM payload WHERE worker = ? AND hash = ?", (worker, digest))
    for name in components:
        connection.execute("DELETE FROM build WHERE component = ?", (component_id_of(name),))
        connection.execute("DELETE FROM component WHERE id = ?", (component_id_of(name),))


def _is_free(engine: Engine, path: Path) -> bool:
    """Whether nobody holds this lease."""
    try:
        Lease(engine.leases, int(path.name), path.name).close()
    except (LeaseError, StoreError):
        return False
    return True


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
