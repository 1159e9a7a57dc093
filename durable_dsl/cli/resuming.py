"""`durable-dsl worker resume`, `complete-promise`, `update`, `fork`: having workers go on, and staying with them.

A worker goes on in the process that holds it. Where none does, this command is that process until it ends: so it says
what is left to be done then, and that nobody does it until the worker is resumed or called.
"""

from __future__ import annotations

import shlex
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.cli import granting
from durable_dsl.cli.data import existing, index, invocation_failed, known_worker, wants_a_grant
from durable_dsl.cli.terminal import console
from durable_dsl.cli.terminal import workers as listing
from durable_dsl.values.promise_ids import PromiseId

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.worker.handle import Worker

__all__ = ["complete_promise", "fork", "promise_named", "resume", "told", "update"]

_LOOKS = 0.01  # seconds


def told(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    """The outcome of steering: the worker's facts in JSON, else a line for people."""
    if arguments.json:
        from durable_dsl.engine.redaction import redacted

        console.print_json(redacted(worker.describe(full=True)))
    else:
        console.note(f"worker {worker.name}: {said}; {worker.status} at entry {worker.oplog_index}")
    return console.OK


def resume(engine: Engine, arguments: argparse.Namespace) -> int:
    if arguments.all:
        from durable_dsl.cli.resuming_all import resume_all

        return resume_all(engine, arguments)
    worker = granting.told(known_worker(engine, arguments.name))
    if arguments.no_wait and _goes_on_elsewhere(worker):
        return _left_to_others(worker, arguments, "it goes on")
    return _after_resuming(worker, arguments, "resumed")


def _after_resuming(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    from durable_dsl.engine.errors import InvocationError

    try:
        if not arguments.no_wait:
            worker.resume()
        elif rests(worker, worker.resume, worker.oplog_index):
            return _left_resting(worker, arguments, said)
    except InvocationError as error:
        raise invocation_failed(error, worker.name) from error
    return _after_running(worker, arguments, said)


def _after_running(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    """Wait for what waits in the queue too; a failure is the guest's, and told as `run` tells it."""
    from durable_dsl.engine.worker.accepting import told as earlier

    worker.settle()
    told(worker, arguments, said)
    if worker.wants is not None:
        raise wants_a_grant(worker.name)
    if worker.status != "failed":
        return console.OK
    error = worker.summary().error
    if error is not None and not arguments.json:
        raise invocation_failed(earlier(error), worker.name)
    return console.GUEST_FAILED


def rests(worker: Worker, work: Callable[[], object], before: int) -> bool:
    """Do what has the worker go on, until it is done; True as soon as it sleeps or waits, after entry `before`."""
    failures: list[BaseException] = []

    def done() -> None:
        try:
            work()
            worker.settle()
        except BaseException as failure:  # noqa: BLE001 - raised again where the command runs
            failures.append(failure)

    thread = threading.Thread(target=done, daemon=True)
    thread.start()
    while thread.is_alive():
        if worker.status == "suspended" and worker.oplog_index > before:
            return True
        thread.join(_LOOKS)
    if failures:
        raise failures[0]
    return False


def _goes_on_elsewhere(worker: Worker) -> str | None:
    """The process that has the worker, if another one has."""
    from durable_dsl.engine.directory.lease import Lease

    return None if worker.held else Lease.holder(worker.engine.leases, worker.id)


def _left_to_others(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    told(worker, arguments, f"{said} in process {_goes_on_elsewhere(worker) or 'that has it'}")
    return console.OK


def _left_resting(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    """The worker sleeps or waits, and this process ends."""
    told(worker, arguments, said)
    console.note(f"worker {worker.name} {waiting(worker)}")
    return console.OK


def waiting(worker: Worker) -> str:
    """What a worker that rests waits for, and who lets it go on."""
    waits = worker.describe(full=True)["waits_for"]
    for_what = "" if waits is None else f" for {listing.waits_for(waits)}"
    return f"waits{for_what}; {nobody_runs(worker)}"


def nobody_runs(worker: Worker) -> str:
    return (
        "no process runs it now: it goes on when it is called, or by "
        f"`durable-dsl worker resume {shlex.quote(worker.name)}`"
    )


def complete_promise(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.errors import InvocationError, LeaseError
    from durable_dsl.engine.oplog.summary import OVER

    name, number, value = promise_named(arguments)
    data = value.encode()
    if value.startswith("@"):
        try:
            data = Path(value[1:]).read_bytes()
        except OSError as error:
            raise console.CommandError(f"cannot read {value[1:]}: {error.strerror}") from error
    found = PromiseId.parse(name) if number is None else None
    named = name if found is None else found.worker
    known = next((worker for worker in engine.workers() if worker.name == named), None)
    if known is not None:
        granting.told(engine.worker(named))
    before, waited = (
        (0, False) if known is None else (known.oplog_index, known.status in {"suspended", "running", "unfinished"})
    )
    resumes = not arguments.no_wait
    if number is None:
        done = engine.complete_promise(name, data, resumes=resumes)
    else:
        done = engine.complete_promise(name, number, data, resumes=resumes)
    if known is None:  # its maker is gone, but for what was forked from it
        console.note(f"promise {name} {'completed' if done else 'was completed before'}")
        return console.OK
    worker = engine.worker(named)
    said = f"promise {number if found is None else found.index} {'completed' if done else 'was completed before'}"
    if not (done and waited):
        return told(worker, arguments, said)
    if arguments.no_wait:
        return _left_as_it_is(worker, arguments, said, "sees the value")
    try:  # it may have run on already, and failed
        if worker.status not in OVER and rests(worker, worker.resume, before):
            told(worker, arguments, said)
            console.note(f"worker {worker.name} waits for something else; `durable-dsl worker resume` stays with it")
            return console.OK
    except LeaseError:  # the process that runs the worker has seen it
        return told(worker, arguments, said)
    except InvocationError as error:
        if error.type == "NotGranted":
            told(worker, arguments, said)
        raise invocation_failed(error, worker.name) from error
    return _after_running(worker, arguments, said)


def _left_as_it_is(worker: Worker, arguments: argparse.Namespace, said: str, does: str) -> int:
    """It is on disk; what follows is in the hands of whoever runs the worker."""
    told(worker, arguments, said)
    holder = _goes_on_elsewhere(worker)
    if holder is None:
        console.note(f"worker {worker.name} {does} when it goes on; {nobody_runs(worker)}")
    else:
        console.note(f"process {holder} runs worker {worker.name}, which {does} there")
    return console.OK


def promise_named(arguments: argparse.Namespace) -> tuple[str, int | None, str]:
    """What names the promise, and the value: `ID [VALUE]` or `NAME INDEX [VALUE]`."""
    name, rest = arguments.name, list(arguments.arguments)
    number = None
    if PromiseId.parse(name) is None:
        if not rest or not (rest[0].isascii() and rest[0].isdigit()):
            raise console.CommandError(
                f"{name!r} is not the id of a promise, and no INDEX follows it",
                "give the promise's id, or the worker and the index at which it made the promise",
                console.USAGE,
            )
        number = _index_of_promise(rest.pop(0))
    if len(rest) > 1:
        raise console.CommandError(f"more than one VALUE: {' '.join(rest)}", "quote it", console.USAGE)
    return name, number, rest[0] if rest else ""


def _index_of_promise(text: str) -> int:
    import argparse

    try:
        return index(text)
    except argparse.ArgumentTypeError as fault:
        raise console.CommandError(f"INDEX: {fault}", status=console.USAGE) from None


def update(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = granting.told(known_worker(engine, arguments.name))
    component = engine.load(existing(arguments.component))
    if component.name != worker.component:
        raise console.CommandError(
            f"worker {worker.name!r} belongs to component {worker.component!r}, the file is {component.name!r}"
        )
    if arguments.no_wait:
        worker.update(component, snapshot=arguments.snapshot, wait=False)
        how = "takes its snapshot between invocations, and" if arguments.snapshot else "replays its history, and then"
        asked = f"an update to version {component.version} is asked for"
        return _left_as_it_is(worker, arguments, asked, f"{how} moves on")
    before = worker.oplog_index
    worker.update(component, snapshot=arguments.snapshot)
    said = f"updated to version {worker.version}"
    if rests(worker, worker.settle, before):
        return _left_resting(worker, arguments, said)
    return _after_running(worker, arguments, said)


def fork(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.oplog.summary import OVER

    engine.reach(arguments.name).fork(arguments.new_name, arguments.at)
    forked = engine.worker(arguments.new_name)
    said = f"forked from {arguments.name}"
    if forked.status in OVER:
        return told(forked, arguments, said)
    return _after_resuming(forked, arguments, said)
