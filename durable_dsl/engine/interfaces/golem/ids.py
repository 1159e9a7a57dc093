"""Identities in the form of golem:api: UUIDs as two numbers, workers by component and name."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.signals import Failure
from durable_dsl.values.component_ids import component_id_of

if TYPE_CHECKING:
    from durable_dsl.engine.directory.catalogue import WorkerRow
    from durable_dsl.engine.replay.host import Host

_LOW = (1 << 64) - 1


def uuid_record(text: str) -> dict[str, int]:
    number = uuid.UUID(text).int
    return {"high-bits": number >> 64, "low-bits": number & _LOW}


def uuid_of(record: dict[str, int]) -> uuid.UUID:
    return uuid.UUID(int=record["high-bits"] << 64 | record["low-bits"])


def uuid_text(record: dict[str, int]) -> str:
    return str(uuid_of(record))


def worker_record(component: str, name: str) -> dict[str, Any]:
    return {"component-id": {"uuid": uuid_record(component_id_of(component))}, "worker-name": name}


def permit_component(host: Host, uuid: str, what: str) -> None:
    """Ends the guest where its worker may not do this to the workers of a component; none of one that is not there."""
    component = host.worker.engine.catalogue.name_of(uuid)
    if component is not None:
        host.worker.permissions.require_workers(component, f"{what} of component {component}")


def permit(host: Host, worker: dict[str, Any], what: str) -> None:
    """The same for a worker that a worker-id names."""
    permit_component(host, uuid_text(worker["component-id"]["uuid"]), f"{what} worker {worker['worker-name']}")


def find_worker(host: Host, record: dict[str, Any]) -> WorkerRow | None:
    """The worker that a worker-id names, if the data directory has it."""
    row = host.worker.engine.catalogue.worker(record["worker-name"])
    if row is None or component_id_of(row.component) != uuid_text(record["component-id"]["uuid"]):
        return None
    return row


def known_worker(host: Host, record: dict[str, Any]) -> WorkerRow:
    """As `find_worker`; ends the attempt where there is none."""
    row = find_worker(host, record)
    if row is None:
        raise Failure(f"there is no worker {record['worker-name']!r} of that component here", "UnknownWorker")
    return row
