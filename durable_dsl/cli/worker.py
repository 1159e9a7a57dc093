"""`durable-dsl worker`: what workers there are, what is in their oplogs, and steering them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.cli import console
from durable_dsl.cli.data import (
    add_data_option,
    add_guest_options,
    add_json_option,
    existing,
    guest_options,
    invocation_failed,
    opened,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.worker import Worker

    Action = Callable[[Engine, argparse.Namespace], int]


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)

    def action(name: str, summary: str, *, of_worker: bool = True, runs: bool = False) -> argparse.ArgumentParser:
        child = actions.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if of_worker:
            child.add_argument("name", metavar="NAME", help="the worker")
        add_data_option(child)
        add_json_option(child)
        if runs:
            add_guest_options(child)
        return child

    action("list", "list all workers with component, version and status", of_worker=False)
    action("show", "show one worker: status, what waits, error, updates")
    oplog = action("oplog", "show the entries of a worker's oplog")
    oplog.add_argument("--from", dest="first", metavar="INDEX", type=int, default=1, help="the first entry shown")
    action("resume", "continue what is under way, and what waits", runs=True)
    action("interrupt", "stop what runs, sleeps or waits for a retry; `resume` continues it")
    action("simulate-crash", "throw the running instance away; the worker goes on from its oplog")
    promise = action("complete-promise", "give a promise its value and let the worker go on", runs=True)
    promise.add_argument("index", metavar="INDEX", type=int, help="the oplog index at which the promise was made")
    promise.add_argument("value", metavar="VALUE", nargs="?", default="", help="text, or @FILE for a file's bytes")
    update = action("update", "move a worker to another build of its component", runs=True)
    update.add_argument("component", metavar="COMPONENT", help="the component file (.wasm)")
    update.add_argument(
        "--snapshot", action="store_true", help="carry the state over by save-snapshot and load-snapshot"
    )
    fork = action("fork", "make a new worker with the same history up to an entry", runs=True)
    fork.add_argument("new_name", metavar="NEW-NAME", help="the new worker")
    fork.add_argument("--at", metavar="INDEX", type=int, help="the last entry copied (default: all)")
    revert = action("revert", "take back the end of a worker's history")
    how_far = revert.add_mutually_exclusive_group(required=True)
    how_far.add_argument("--to", metavar="INDEX", type=int, help="the last entry kept")
    how_far.add_argument("--last", metavar="COUNT", type=int, help="take back so many invocations")
    action("delete", "delete a worker with its history")


def run(arguments: argparse.Namespace) -> int:
    from durable_dsl.cli import oplog_text

    actions: dict[str, Action] = {
        "list": _list,
        "show": _show,
        "oplog": oplog_text.show,
        "resume": _resume,
        "interrupt": _interrupt,
        "simulate-crash": _simulate_crash,
        "complete-promise": _complete_promise,
        "update": _update,
        "fork": _fork,
        "revert": _revert,
        "delete": _delete,
    }
    options = guest_options(arguments) if hasattr(arguments, "allow_http") else {}
    with opened(arguments, **options) as engine:
        return actions[arguments.action](engine, arguments)


def _list(engine: Engine, arguments: argparse.Namespace) -> int:
    found = [worker.describe() for worker in engine.workers()]
    if arguments.json:
        console.print_json(found)
    elif found:
        headers = ("NAME", "COMPONENT", "VERSION", "STATUS", "ENTRIES")
        console.out(console.table([tuple(worker.values()) for worker in found], headers))
    else:
        console.note(f"no workers in {arguments.data}")
    return console.OK


def _show(engine: Engine, arguments: argparse.Namespace) -> int:
    facts = engine.worker(arguments.name).describe(full=True)
    if arguments.json:
        console.print_json(facts)
        return console.OK
    error, updates, pending = facts.pop("error"), facts.pop("updates"), facts.pop("pending")
    lines = [f"{label.replace('_', ' '):<12} {value}" for label, value in facts.items()]
    lines += [f"{'waiting':<12} {call['function']} ({call['idempotency_key']})" for call in pending]
    for update in updates:
        details = f" ({update['details']})" if update["details"] else ""
        lines.append(f"{'update':<12} to version {update['version']}, {update['mode']}: {update['status']}{details}")
    if error is not None:
        lines += [f"{'error':<12} {error['type']}: {error['message']}", *error["traceback"].splitlines()]
    console.out("\n".join(lines))
    return console.OK


def _told(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    """The outcome of steering: the worker's facts in JSON, else a line for people."""
    if arguments.json:
        console.print_json(worker.describe(full=True))
    else:
        console.note(f"worker {worker.name}: {said}; {worker.status} at entry {worker.oplog_index}")
    return console.OK


def _resume(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = engine.worker(arguments.name)
    return _after_resuming(worker, arguments, "resumed")


def _after_resuming(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    from durable_dsl.engine.errors import InvocationError

    try:
        worker.resume()
    except InvocationError as error:
        raise invocation_failed(error, worker.name) from error
    return _after_running(worker, arguments, said)


def _after_running(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    """Wait for what waits in the queue too; a failure is the guest's."""
    worker.settle()
    _told(worker, arguments, said)
    return console.GUEST_FAILED if worker.status == "failed" else console.OK


def _interrupt(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = engine.worker(arguments.name)
    return _told(worker, arguments, "interrupted" if worker.interrupt() else "nothing to interrupt")


def _simulate_crash(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = engine.worker(arguments.name)
    worker.simulate_crash()
    return _told(worker, arguments, "crashed")


def _complete_promise(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.errors import LeaseError

    data = arguments.value.encode()
    if arguments.value.startswith("@"):
        try:
            data = Path(arguments.value[1:]).read_bytes()
        except OSError as error:
            raise console.CommandError(f"cannot read {arguments.value[1:]}: {error.strerror}") from error
    worker = engine.worker(arguments.name)
    done = engine.complete_promise(arguments.name, arguments.index, data)
    said = f"promise {arguments.index} {'completed' if done else 'was completed before'}"
    if not done or worker.status not in {"suspended", "running"}:
        return _told(worker, arguments, said)
    try:
        return _after_resuming(worker, arguments, said)
    except LeaseError:  # the process that runs the worker has seen it
        return _told(worker, arguments, said)


def _update(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = engine.worker(arguments.name)
    component = engine.load(existing(arguments.component))
    if component.name != worker.component:
        raise console.CommandError(
            f"worker {worker.name!r} belongs to component {worker.component!r}, the file is {component.name!r}"
        )
    worker.update(component, snapshot=arguments.snapshot)
    return _after_running(worker, arguments, f"updated to version {worker.version}")


def _fork(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.oplog.summary import OVER

    forked = engine.worker(arguments.name).fork(arguments.new_name, arguments.at)
    said = f"forked from {arguments.name}"
    if forked.status in OVER:
        return _told(forked, arguments, said)
    return _after_resuming(forked, arguments, said)


def _revert(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = engine.worker(arguments.name)
    worker.revert(to=arguments.to, last=arguments.last)
    return _told(worker, arguments, "reverted")


def _delete(engine: Engine, arguments: argparse.Namespace) -> int:
    if not engine.delete_worker(arguments.name):
        raise console.CommandError(f"there is no worker {arguments.name!r} in {arguments.data}")
    if arguments.json:
        console.print_json({"name": arguments.name, "deleted": True})
    else:
        console.note(f"worker {arguments.name}: deleted")
    return console.OK
