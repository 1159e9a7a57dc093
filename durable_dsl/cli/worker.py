"""`durable-dsl worker`: what workers there are, what is in their oplogs, and steering them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.cli import granting, resuming
from durable_dsl.cli.completion import completed, workers
from durable_dsl.cli.data import (
    add_data_option,
    add_guest_options,
    add_json_option,
    guest_options,
    index,
    known_worker,
    opened,
)
from durable_dsl.cli.resuming import told
from durable_dsl.cli.terminal import console
from durable_dsl.cli.terminal import oplog as oplog_text
from durable_dsl.cli.terminal import workers as listing
from durable_dsl.printable import on_one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from durable_dsl.engine.api import Engine

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
    resume = action("resume", "continue what is under way, and what waits", of_worker=False, runs=True)
    completed(resume.add_argument("name", metavar="NAME", nargs="?", help="the worker"), workers)
    resume.add_argument("--all", action="store_true", help="all workers that can go on, at the same time")
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
    action("snapshot", "save a worker's state now: its next start begins with it", runs=True)
    fork = action("fork", "make a new worker with the same history up to an entry", runs=True)
    fork.add_argument("new_name", metavar="NEW-NAME", help="the new worker")
    fork.add_argument("--at", metavar="INDEX", type=index, help="the last entry copied (default: all)")
    for goes_on, summary in (
        (resume, "do not stay with a worker that sleeps or waits"),
        (promise, "only put the value on disk; whoever runs the worker sees it"),
        (fork, "do not stay with the new worker where it sleeps or waits"),
        (update, "only ask for it; whoever runs the worker carries it out, or the next one who does"),
    ):
        goes_on.add_argument("--no-wait", action="store_true", help=summary)
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
        "resume": resuming.resume,
        "interrupt": _interrupt,
        "cancel": _cancel,
        "simulate-crash": _simulate_crash,
        "complete-promise": resuming.complete_promise,
        "update": resuming.update,
        "snapshot": _snapshot,
        "fork": resuming.fork,
        "revert": _revert,
        "grant": granting.grant,
        "revoke": granting.revoke,
        "delete": _delete,
    }
    if arguments.action == "complete-promise":
        resuming.promise_named(arguments)  # how the verb is used comes before what there is
    if arguments.action == "resume" and (arguments.name is None) != arguments.all:
        raise console.CommandError("which worker?", "give a worker's NAME, or --all", console.USAGE)
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
    wants, _, snapshot = facts.pop("wants"), facts.pop("grants"), facts.pop("snapshot")
    lines = [f"{label.replace('_', ' '):<12} {on_one_line(str(value))}" for label, value in facts.items()]
    lines += [f"{'granted':<12} {option}" for option in worker.permissions.granted.options]
    lines += [] if wants is None else [f"{'wants':<12} {wants}"]
    if snapshot is not None:
        size = "nothing" if snapshot["size"] is None else f"{snapshot['size']:,} bytes"
        lines.append(f"{'snapshot':<12} entry {snapshot['index']}, {size}, by version {snapshot['version']}")
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


def _interrupt(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = known_worker(engine, arguments.name)
    return told(worker, arguments, "interrupted" if worker.interrupt() else "nothing to interrupt")


def _snapshot(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = known_worker(engine, arguments.name)
    worker.snapshot()
    return told(worker, arguments, "saved")


def _cancel(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = engine.worker(arguments.name)
    if worker.cancel(arguments.key):
        return told(worker, arguments, f"{arguments.key} taken back")
    raise console.CommandError(
        f"no invocation with the key {arguments.key!r} waits in worker {worker.name!r}",
        "what has begun can be interrupted: durable-dsl worker interrupt",
    )


def _simulate_crash(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = known_worker(engine, arguments.name)
    worker.simulate_crash()
    return told(worker, arguments, "crashed")


def _revert(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = known_worker(engine, arguments.name)
    worker.revert(to=arguments.to, last=arguments.last)
    return told(worker, arguments, "reverted")


def _delete(engine: Engine, arguments: argparse.Namespace) -> int:
    if not engine.delete_worker(arguments.name):  # also one whose own row is damaged
        known_worker(engine, arguments.name)  # says that there is none
    if arguments.json:
        console.print_json({"name": arguments.name, "deleted": True})
    else:
        console.note(f"worker {arguments.name}: deleted")
    return console.OK
