"""golem:api/host: what workers there are, and what one worker may do to another.

Queries are recorded, so that a replay sees what the first run saw. What changes another worker is a remote write.
Components are apart: a worker sees and steers those of its own component, and of others where it was granted that.
Names and ids are no secret, and calling what a component exports is `golem:rpc`'s, and free.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

from durable_dsl.engine.directory import filters
from durable_dsl.engine.errors import EngineError
from durable_dsl.engine.interfaces.golem.host import derived_key, golem_host
from durable_dsl.engine.interfaces.golem.ids import (
    find_worker,
    known_worker,
    permit,
    permit_component,
    uuid_record,
    uuid_text,
    worker_record,
)
from durable_dsl.engine.replay.durability import READ_LOCAL, READ_REMOTE, WRITE_REMOTE, durable
from durable_dsl.engine.signals import Failure
from durable_dsl.engine.worker import commands
from durable_dsl.engine.worker.updates import requests as update_requests
from durable_dsl.values.component_ids import component_id_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from durable_dsl.engine.replay.host import Host
    from durable_dsl.engine.worker.handle import Worker

INTERFACES = (golem_host,)

_PAGE = 50
Record = dict[str, Any]
T = TypeVar("T")


def metadata_of(worker: Worker) -> Record:
    summary = worker.summary()
    created = worker.created
    return {
        "worker-id": worker_record(worker.component, worker.name),
        "args": list(created.args),
        "env": [list(pair) for pair in worker.variables],
        "status": "running" if (status := worker.status) == "unfinished" else status,
        "component-version": summary.version,
        "retry-count": sum(summary.failures.values()),
    }


@golem_host.durable("get-self-metadata", READ_LOCAL, "golem::api::get-self-metadata")
def get_self_metadata(host: Host) -> Record:
    return metadata_of(cast("Worker", host.worker))


def _of_name(record: Record) -> str:
    name: str = record["worker-name"]
    return name


def _permit(host: Host, worker: Record, *_: Any) -> None:
    permit(host, worker, "looking at or steering")


@golem_host.durable(
    "get-worker-metadata", READ_REMOTE, "golem::api::get-worker-metadata", request=_of_name, permit=_permit
)
def get_worker_metadata(host: Host, worker: Record) -> Record | None:
    row = find_worker(host, worker)
    return None if row is None else metadata_of(host.worker.engine.reach(row.name))


class GetWorkers:
    """The resource `get-workers`: pages through the workers of a component that pass a filter."""

    resource_kind = "get-workers"

    def __init__(self, component: str, wanted: Record | None) -> None:
        self.component = component
        self._wanted = wanted
        self._rest: Iterator[Record] | None = None

    def page(self, host: Host) -> list[Record] | None:
        if self._rest is None:
            workers = host.worker.engine.workers()
            mine = [one for one in workers if component_id_of(one.component) == self.component]
            self._rest = (
                metadata for metadata, created in map(_facts, mine) if filters.passes(metadata, created, self._wanted)
            )
        return list(islice(self._rest, _PAGE)) or None


def _facts(worker: Worker) -> tuple[Record, int]:
    first = next(worker.engine.store.records(worker.id, "AND idx = 1"))
    return metadata_of(worker), first.time


@golem_host.plain("[constructor]get-workers")
def new_get_workers(_host: Host, component: Record, wanted: Record | None, _precise: bool) -> GetWorkers:
    return GetWorkers(uuid_text(component["uuid"]), wanted)


def _next_page(host: Host, cursor: GetWorkers) -> list[Record] | None:
    return cursor.page(host)


def _permit_listing(host: Host, cursor: GetWorkers) -> None:
    permit_component(host, cursor.component, "listing the workers")


golem_host.functions["[method]get-workers.get-next"] = durable(
    _next_page, "golem::api::get-workers::get-next", READ_REMOTE, permit=_permit_listing
)


def carried_out(action: Callable[..., T], *arguments: Any) -> T:
    """What an action gives; that it cannot be done is the guest's failure."""
    try:
        return action(*arguments)
    except EngineError as error:
        raise Failure(str(error), "HostError") from error


@golem_host.durable(
    "update-worker",
    WRITE_REMOTE,
    "golem::api::update-worker",
    request=lambda worker, version, mode: [worker["worker-name"], version, mode],
    permit=_permit,
)
def update_worker(host: Host, worker: Record, version: int, mode: str) -> None:
    one = host.worker.engine.reach(known_worker(host, worker).name)
    carried_out(update_requests.request, one, version, mode, derived_key(host, f"update-{host.position}"))


def _run_fork(host: Host, _stored: None, _source: Record, target: Record, _index: int) -> None:
    row = find_worker(host, target)
    if host.cursor.live and row is not None:
        host.worker.engine.reach(row.name).resume_in_background()


@golem_host.durable(
    "fork-worker",
    WRITE_REMOTE,
    "golem::api::fork-worker",
    request=lambda source, target, index: [source["worker-name"], target["worker-name"], index],
    finish=_run_fork,
    transaction=True,
    permit=_permit,
)
def fork_worker(host: Host, connection: sqlite3.Connection, source: Record, target: Record, index: int) -> None:
    one = host.worker.engine.reach(known_worker(host, source).name)
    carried_out(commands.insert_fork, connection, one, target["worker-name"], index)


@golem_host.durable(
    "revert-worker",
    WRITE_REMOTE,
    "golem::api::revert-worker",
    request=lambda worker, target: [worker["worker-name"], target],
    permit=_permit,
)
def revert_worker(host: Host, worker: Record, target: Record) -> None:
    row = known_worker(host, worker)
    ((how, number),) = target.items()
    if row.id == host.worker.id:
        raise Failure("a worker cannot revert itself while it runs; set-oplog-index goes back", "HostError")
    one = host.worker.engine.reach(row.name)
    key = derived_key(host, f"revert-{host.position}")  # the same where this is done again
    if how == "revert-to-oplog-index":
        carried_out(commands.revert, one, number, key)
    else:
        carried_out(commands.revert_invocations, one, number, key)


def _component(host: Host, reference: str) -> Record | None:
    return None if host.worker.engine.catalogue.latest(reference) is None else {"uuid": _uuid_of(reference)}


def _uuid_of(component: str) -> dict[str, int]:
    return uuid_record(component_id_of(component))


@golem_host.durable("resolve-component-id", READ_REMOTE, "golem::api::resolve-component-id")
def resolve_component_id(host: Host, reference: str) -> Record | None:
    return _component(host, reference)


@golem_host.durable("resolve-worker-id", READ_REMOTE, "golem::api::resolve-worker-id")
def resolve_worker_id(host: Host, reference: str, name: str) -> Record | None:
    return worker_record(reference, name) if _component(host, reference) is not None else None


@golem_host.durable("resolve-worker-id-strict", READ_REMOTE, "golem::api::resolve-worker-id-strict")
def resolve_worker_id_strict(host: Host, reference: str, name: str) -> Record | None:
    record = worker_record(reference, name)
    return record if find_worker(host, record) is not None else None
