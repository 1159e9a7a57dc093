"""What is due by age in a data directory, worker by worker.

Each worker's lease is taken first; one that a process holds is let alone, and told. So is one that is damaged: what of
it is needed cannot be said.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.directory.lease import Lease
from durable_dsl.engine.errors import DamagedError, LeaseError
from durable_dsl.engine.retention import archive, history, needs
from durable_dsl.engine.retention.policy import Dropping, Left
from durable_dsl.engine.standing import dropped, listing, reading

if TYPE_CHECKING:
    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.oplog.summary import Summary
    from durable_dsl.engine.retention.policy import Retention

_DAMAGED = "it is damaged"
#: Of workers that have nothing to do.
_FINISHED = frozenset({"idle", "exited"})


@dataclass(slots=True)
class Dropped:
    """What was dropped, and what was let alone though it was due."""

    workers: list[Dropping] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "dropped": [
                {"worker": one.worker, "entries": one.entries, "upto": one.upto, "archive": one.archive}
                for one in self.workers
                if not one.purged
            ],
            "purged": [one.worker for one in self.workers if one.purged],
            "left": [{"worker": one.worker, "reason": one.reason} for one in self.left],
        }


def drop_by_age(engine: Engine, retention: Retention, *, dry_run: bool) -> Dropped:
    """Drop what is due, or only say what that is."""
    done = Dropped()
    if not retention.by_age:
        return done
    now = engine.clock.now()
    workers = listing.listed(engine.store)
    keys = needs.Keys.of(engine.store, retention, now, workers)
    pruner = _Pruner(engine, retention, now, keys, done, dry_run=dry_run)
    for one in workers:
        pruner.look_at(one)
    return done


@dataclass(frozen=True, slots=True)
class _Rest:
    """Entries of a part that was dropped earlier which are not needed, or not any more."""

    entries: int
    upto: int
    archive: str | None
    keeps: set[int]


class _Pruner:
    def __init__(
        self, engine: Engine, retention: Retention, now: int, keys: needs.Keys, done: Dropped, *, dry_run: bool
    ) -> None:
        self._engine = engine
        self._store = engine.store
        self._retention = retention
        self._now = now
        self._keys = keys
        self._done = done
        self._dry_run = dry_run

    def look_at(self, one: listing.Listed) -> None:
        """Drop what is due of a worker; it is looked at again under its lease."""
        if one.summary is None:
            self._done.left.append(Left(one.name, _DAMAGED))
            return
        try:
            if not self._is_due(one.id, one.summary):
                return
            with closing(Lease(self._engine.leases, one.id, one.name)) as lease:
                summary = reading.current(self._store, one.id)
                if not summary.last:  # it was deleted meanwhile
                    return
                if not self._is_finished(one.id, summary):
                    self._drop(one, summary)
                elif self._purge(one, summary):
                    lease.remove()
        except LeaseError as held:
            self._done.left.append(Left(one.name, str(held)))
        except DamagedError as damage:
            self._done.left.append(Left(one.name, f"{_DAMAGED}: {damage}"))

    def _is_due(self, worker: int, summary: Summary) -> bool:
        return (
            self._is_finished(worker, summary)
            or self._base(worker, summary) is not None
            or self._unfinished(worker) is not None
        )

    def _drop(self, one: listing.Listed, summary: Summary) -> None:
        begins = self._base(one.id, summary)
        folder = self._retention.archive
        if begins is not None:
            dropping = history.drop(self._store, one.id, one.name, begins, self._keys, folder, dry_run=self._dry_run)
            self._done.workers.append(dropping)
        elif (gone := self._unfinished(one.id)) is not None:
            self._done.workers.append(Dropping(one.name, gone.entries, gone.upto, archive=gone.archive))
            if not self._dry_run:
                history.remove(self._store, one.id, gone.upto, gone.keeps)
        if not self._dry_run:
            history.loose(self._store, one.id)

    def _base(self, worker: int, summary: Summary) -> int | None:
        if self._retention.history is None:
            return None
        return history.base(self._store, worker, summary, self._now - self._retention.history)

    def _unfinished(self, worker: int) -> _Rest | None:
        gone = dropped.of(self._store, worker)
        if gone is None:
            return None
        keeps = needs.kept_entries(self._store, worker, gone.upto, self._keys)
        there = history.there(self._store, worker, gone.upto) - len(keeps)
        return _Rest(there, gone.upto, gone.archive, keeps) if there else None

    def _is_finished(self, worker: int, summary: Summary) -> bool:
        """Whether all of a worker may go: it has nothing to do, and nobody can ask for anything of it any more."""
        age = self._retention.failed if summary.status == "failed" else self._retention.finished
        if age is None or (summary.status != "failed" and summary.status not in _FINISHED):
            return False
        last = self._store.last_time(worker)
        if last > self._now - age or needs.is_busy(self._store, worker, summary):
            return False
        if self._retention.results is None:
            return last < self._keys.callers
        return needs.last_key(self._store, worker) < self._keys.before and last < self._keys.callers

    def _purge(self, one: listing.Listed, summary: Summary) -> bool:
        """Delete a worker; False where that is only said."""
        entries = history.there(self._store, one.id, summary.last) + 1
        self._done.workers.append(Dropping(one.name, entries, summary.last, purged=True))
        if self._dry_run:
            return False
        folder = self._retention.archive
        if folder is not None:
            gone = dropped.of(self._store, one.id)
            first = 1 if gone is None else gone.upto + 1
            archive.write(self._store, one.id, one.name, folder, first, summary.last, summary.deleted)
        self._engine.catalogue.delete_worker(one.id, one.name)
        return True
