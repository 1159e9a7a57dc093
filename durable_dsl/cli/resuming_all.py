"""`durable-dsl worker resume --all`: what every worker can go on with, all at the same time, and a line for each."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

from durable_dsl.cli.resuming import rests, waiting
from durable_dsl.cli.terminal import console
from durable_dsl.printable import shortened

if TYPE_CHECKING:
    import argparse

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.worker.handle import Worker

_UNDER_WAY = frozenset({"unfinished", "suspended", "interrupted", "retrying"})
_WORST = (console.GUEST_FAILED, console.FAULT, console.OK)


def resume_all(engine: Engine, arguments: argparse.Namespace) -> int:
    """Exit status 3 where a guest failed, 1 where another worker could not go on."""
    workers, told = _that_can_go_on(engine)
    outcomes: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    for worker in workers:
        threading.Thread(
            target=lambda worker=worker: outcomes.put(_outcome(worker, stays=not arguments.no_wait)), daemon=True
        ).start()
    for facts in told:
        _tell(facts, arguments)
    for _ in workers:
        facts = outcomes.get()
        told.append(facts)
        _tell(facts, arguments)
    if arguments.json:
        console.print_json(sorted(told, key=lambda facts: str(facts["name"])))
    elif not told:
        console.note("no worker has anything to go on with")
    statuses = {facts["exit_status"] for facts in told}
    return next(status for status in _WORST if status in {*statuses, console.OK})


def _tell(facts: dict[str, Any], arguments: argparse.Namespace) -> None:
    if not arguments.json:
        console.out(f"{facts['name']}: {facts['outcome']}")


def _that_can_go_on(engine: Engine) -> tuple[list[Worker], list[dict[str, Any]]]:
    """The workers that have something to do, and what is told of those that cannot be looked at."""
    from durable_dsl.engine.errors import DamagedError

    found, told = [], []
    for worker in engine.workers():
        try:
            facts = worker.describe(full=True)
        except DamagedError as damage:
            told.append(_facts(worker.name, "damaged", f"damaged: {damage}", console.FAULT))
            continue
        updates = any(update["status"] == "pending" for update in facts["updates"])
        waits = facts["pending"] or updates
        if facts["status"] in _UNDER_WAY or (facts["status"] == "idle" and waits):
            found.append(worker)
    said = "damaged: `durable-dsl worker show` tells more"
    told += [_facts(row.name, "damaged", said, console.FAULT) for row in engine.catalogue.damaged_workers()]
    return found, told


def _facts(name: str, status: str, outcome: str, status_of_command: int) -> dict[str, Any]:
    return {"name": name, "status": status, "outcome": outcome, "exit_status": status_of_command}


def _outcome(worker: Worker, *, stays: bool) -> dict[str, Any]:
    from durable_dsl.engine.errors import EngineError, InvocationError, LeaseError

    try:
        if stays:
            worker.resume()
            worker.settle()
        elif rests(worker, worker.resume, worker.oplog_index):
            return _facts(worker.name, worker.status, waiting(worker), console.OK)
    except LeaseError as held:
        return _facts(worker.name, worker.status, f"process {held.owner} runs it", console.OK)
    except InvocationError as error:
        if error.type == "NotGranted":
            return _facts(worker.name, worker.status, f"wants {worker.wants}", console.FAULT)
        return _facts(worker.name, error.status, shortened(str(error)), console.FAULT)
    except EngineError as error:
        return _facts(worker.name, "", shortened(str(error)), console.FAULT)
    error_of = worker.summary().error
    if worker.status == "failed" and error_of is not None:
        said = f"failed: {error_of['error_type']}: {error_of['message']}"
        return _facts(worker.name, "failed", shortened(said), console.GUEST_FAILED)
    return _facts(worker.name, worker.status, f"{worker.status} at entry {worker.oplog_index}", console.OK)
