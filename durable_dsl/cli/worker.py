"""`durable-dsl worker`: what workers there are, what is in their oplogs, and steering them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.cli import console, granting, listing, oplog_text
from durable_dsl.cli.completion import completed, workers
from durable_dsl.cli.data import (
    add_data_option,
    add_guest_options,
    add_json_option,
    existing,
    guest_options,
    index,
    invocation_failed,
    known_worker,
    opened,
    wants_a_grant,
)
from durable_dsl.printable import on_one_line
from durable_dsl.promise_ids import PromiseId

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
            completed(child.add_argument("name", metavar="NAME", help="the worker"), workers)
        add_data_option(child)
        add_json_option(child)
        if runs:
            add_guest_options(child)
        return child

    listing.configure(action("list", "list the workers with status, age and what keeps them", of_worker=False))
    shown = action("show", "show one worker: status, what waits, error, updates")
    shown.add_argument("--reveal", action="store_true", help="show what looks like a secret, as it is")
    oplog_text.configure(action("oplog", "show the entries of a worker's oplog"))
    action("resume", "continue what is under way, and what waits", runs=True)
    action("interrupt", "stop what runs, sleeps or waits for a retry; `resume` continues it")
    cancel = action("cancel", "take back an invocation that waits in the queue or is scheduled")
    cancel.add_argument("key", metavar="KEY", help="its idempotency key, as `worker show` has it")
    action("simulate-crash", "throw the running instance away; the worker goes on from its oplog")
    promise = action("complete-promise", "give a promise its value and let the worker go on", runs=True)
    promise.usage = "%(prog)s [OPTIONS] (ID | NAME INDEX) [VALUE]"
    promise.add_argument("arguments", metavar="INDEX", nargs="*", help="the oplog index at which the promise was made")
    promise.epilog = (
        "NAME and INDEX may be one argument, the promise's id. VALUE is text, JSON as it is written, or @FILE for a "
        "file's bytes; without it the promise is completed with nothing."
    )
    update = action("update", "move a worker to another build of its component", runs=True)
    update.add_argument("component", metavar="COMPONENT", help="the component file (.wasm)")
    update.add_argument(
        "--snapshot", action="store_true", help="carry the state over by save-snapshot and load-snapshot"
    )
    fork = action("fork", "make a new worker with the same history up to an entry", runs=True)
    fork.add_argument("new_name", metavar="NEW-NAME", help="the new worker")
    fork.add_argument("--at", metavar="INDEX", type=index, help="the last entry copied (default: all)")
    revert = action("revert", "take back the end of a worker's history")
    how_far = revert.add_mutually_exclusive_group(required=True)
    how_far.add_argument("--to", metavar="INDEX", type=index, help="the last entry kept")
    how_far.add_argument("--last", metavar="COUNT", type=index, help="take back so many invocations")
    for name, summary in (
        ("grant", "allow a worker more; kept with the worker"),
        ("revoke", "take back what a worker was granted"),
    ):
        granting.configure(action(name, summary, of_worker=False), gives=name == "grant")
    action("delete", "delete a worker with its history")


def run(arguments: argparse.Namespace) -> int:
    actions: dict[str, Action] = {
        "list": listing.show,
        "show": _show,
        "oplog": oplog_text.show,
        "resume": _resume,
        "interrupt": _interrupt,
        "cancel": _cancel,
        "simulate-crash": _simulate_crash,
        "complete-promise": _complete_promise,
        "update": _update,
        "fork": _fork,
        "revert": _revert,
        "grant": granting.grant,
        "revoke": granting.revoke,
        "delete": _delete,
    }
    if arguments.action == "complete-promise":
        _promise(arguments)  # how the verb is used comes before what there is
    options = guest_options(arguments) if hasattr(arguments, "max_memory") else {}
    with opened(arguments, reads=arguments.action in {"list", "show", "oplog"}, makes=False, **options) as engine:
        return actions[arguments.action](engine, arguments)


def _show(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.errors import DamagedError
    from durable_dsl.engine.redaction import redacted

    worker = known_worker(engine, arguments.name)
    try:
        facts = worker.describe(full=True)
    except DamagedError as damage:
        facts = listing.damaged(worker.name, worker.component, worker.oplog_index, damage)
        if arguments.json:
            console.print_json(facts)
        else:
            del facts["damage"]
            console.out("\n".join(f"{label.replace('_', ' '):<12} {value}" for label, value in facts.items()))
        return console.FAULT
    if not arguments.reveal:
        facts = redacted(facts)
    if arguments.json:
        console.print_json(facts)
        return console.OK
    error, updates, pending = facts.pop("error"), facts.pop("updates"), facts.pop("pending")
    unfinished, scheduled, waits_for = facts.pop("unfinished"), facts.pop("scheduled"), facts.pop("waits_for")
    wants, _ = facts.pop("wants"), facts.pop("grants")
    lines = [f"{label.replace('_', ' '):<12} {on_one_line(str(value))}" for label, value in facts.items()]
    lines += [f"{'granted':<12} {option}" for option in worker.permissions.granted.options]
    lines += [] if wants is None else [f"{'wants':<12} {wants}"]
    if waits_for is not None:
        lines.append(f"{'waits for':<12} {listing.waits_for(waits_for)}")
    lines += [f"{'waiting':<12} {call['function']} ({call['idempotency_key']})" for call in pending]
    lines += [f"{'at ' + call['time'][:19]:<12} {call['function']} ({call['idempotency_key']})" for call in scheduled]
    for update in updates:
        details = f" ({update['details']})" if update["details"] else ""
        lines.append(f"{'update':<12} to version {update['version']}, {update['mode']}: {update['status']}{details}")
    lines += [f"{'not undone':<12} {on_one_line(step)}" for step in unfinished]
    if error is not None:
        message = f"{error['type']}: {error['message']}".splitlines()
        lines += [f"{'error':<12} {message[0]}", *(f"{'':<12} {line}" for line in message[1:])]
        lines += [f"  {line}" for line in error["traceback"].splitlines()]
    console.out("\n".join(lines))
    return console.OK


def _told(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    """The outcome of steering: the worker's facts in JSON, else a line for people."""
    if arguments.json:
        from durable_dsl.engine.redaction import redacted

        console.print_json(redacted(worker.describe(full=True)))
    else:
        console.note(f"worker {worker.name}: {said}; {worker.status} at entry {worker.oplog_index}")
    return console.OK


def _resume(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = granting.told(known_worker(engine, arguments.name))
    return _after_resuming(worker, arguments, "resumed")


def _after_resuming(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    from durable_dsl.engine.errors import InvocationError

    try:
        worker.resume()
    except InvocationError as error:
        raise invocation_failed(error, worker.name) from error
    return _after_running(worker, arguments, said)


def _after_running(worker: Worker, arguments: argparse.Namespace, said: str) -> int:
    """Wait for what waits in the queue too; a failure is the guest's, and told as `run` tells it."""
    from durable_dsl.engine.accepting import told

    worker.settle()
    _told(worker, arguments, said)
    if worker.wants is not None:
        raise wants_a_grant(worker.name)
    if worker.status != "failed":
        return console.OK
    error = worker.summary().error
    if error is not None and not arguments.json:
        raise invocation_failed(told(error), worker.name)
    return console.GUEST_FAILED


def _interrupt(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = known_worker(engine, arguments.name)
    return _told(worker, arguments, "interrupted" if worker.interrupt() else "nothing to interrupt")


def _cancel(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = engine.worker(arguments.name)
    if worker.cancel(arguments.key):
        return _told(worker, arguments, f"{arguments.key} taken back")
    raise console.CommandError(
        f"no invocation with the key {arguments.key!r} waits in worker {worker.name!r}",
        "what has begun can be interrupted: durable-dsl worker interrupt",
    )


def _simulate_crash(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = known_worker(engine, arguments.name)
    worker.simulate_crash()
    return _told(worker, arguments, "crashed")


def _complete_promise(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.errors import InvocationError, LeaseError
    from durable_dsl.engine.oplog.summary import OVER

    name, index, value = _promise(arguments)
    data = value.encode()
    if value.startswith("@"):
        try:
            data = Path(value[1:]).read_bytes()
        except OSError as error:
            raise console.CommandError(f"cannot read {value[1:]}: {error.strerror}") from error
    found = PromiseId.parse(name) if index is None else None
    named = name if found is None else found.worker
    known = next((worker for worker in engine.workers() if worker.name == named), None)
    if known is not None:
        granting.told(engine.worker(named))
    before, waited = (
        (0, False) if known is None else (known.oplog_index, known.status in {"suspended", "running", "unfinished"})
    )
    done = engine.complete_promise(name, data) if index is None else engine.complete_promise(name, index, data)
    if known is None:  # its maker is gone, but for what was forked from it
        console.note(f"promise {name} {'completed' if done else 'was completed before'}")
        return console.OK
    worker = engine.worker(named)
    said = f"promise {index if found is None else found.index} {'completed' if done else 'was completed before'}"
    if not (done and waited):
        return _told(worker, arguments, said)
    try:  # it may have run on already, and failed
        if worker.status not in OVER and _waits_again(worker, before):
            _told(worker, arguments, said)
            console.note(f"worker {worker.name} waits for something else; `durable-dsl worker resume` stays with it")
            return console.OK
    except LeaseError:  # the process that runs the worker has seen it
        return _told(worker, arguments, said)
    except InvocationError as error:
        if error.type == "NotGranted":
            _told(worker, arguments, said)
        raise invocation_failed(error, worker.name) from error
    return _after_running(worker, arguments, said)


def _waits_again(worker: Worker, before: int) -> bool:
    """Run the worker on until it is done, or waits for something else after entry `before`."""
    import threading
    import time

    failures: list[BaseException] = []

    def resume() -> None:
        try:
            worker.resume()
        except BaseException as failure:  # noqa: BLE001 - raised again where the command runs
            failures.append(failure)

    thread = threading.Thread(target=resume, daemon=True)
    thread.start()
    while thread.is_alive():
        if worker.status == "suspended" and worker.oplog_index > before:
            return True
        time.sleep(0.01)
    if failures:
        raise failures[0]
    return False


def _promise(arguments: argparse.Namespace) -> tuple[str, int | None, str]:
    """What names the promise, and the value: `ID [VALUE]` or `NAME INDEX [VALUE]`."""
    name, rest = arguments.name, list(arguments.arguments)
    index = None
    if PromiseId.parse(name) is None:
        if not rest or not (rest[0].isascii() and rest[0].isdigit()):
            raise console.CommandError(
                f"{name!r} is not the id of a promise, and no INDEX follows it",
                "give the promise's id, or the worker and the index at which it made the promise",
                console.USAGE,
            )
        index = _index_of_promise(rest.pop(0))
    if len(rest) > 1:
        raise console.CommandError(f"more than one VALUE: {' '.join(rest)}", "quote it", console.USAGE)
    return name, index, rest[0] if rest else ""


def _index_of_promise(text: str) -> int:
    import argparse

    try:
        return index(text)
    except argparse.ArgumentTypeError as fault:
        raise console.CommandError(f"INDEX: {fault}", status=console.USAGE) from None


def _update(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = granting.told(known_worker(engine, arguments.name))
    component = engine.load(existing(arguments.component))
    if component.name != worker.component:
        raise console.CommandError(
            f"worker {worker.name!r} belongs to component {worker.component!r}, the file is {component.name!r}"
        )
    worker.update(component, snapshot=arguments.snapshot)
    return _after_running(worker, arguments, f"updated to version {worker.version}")


def _fork(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.oplog.summary import OVER

    engine.reach(arguments.name).fork(arguments.new_name, arguments.at)
    forked = engine.worker(arguments.new_name)
    said = f"forked from {arguments.name}"
    if forked.status in OVER:
        return _told(forked, arguments, said)
    return _after_resuming(forked, arguments, said)


def _revert(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = known_worker(engine, arguments.name)
    worker.revert(to=arguments.to, last=arguments.last)
    return _told(worker, arguments, "reverted")


def _delete(engine: Engine, arguments: argparse.Namespace) -> int:
    if not engine.delete_worker(arguments.name):  # also one whose own row is damaged
        known_worker(engine, arguments.name)  # says that there is none
    if arguments.json:
        console.print_json({"name": arguments.name, "deleted": True})
    else:
        console.note(f"worker {arguments.name}: deleted")
    return console.OK
