"""`durable-dsl run`: call an export of a component, or of an app, as a durable worker, and print its result.

The result, as JSON, is all that goes to stdout. What the guest writes goes to stderr as it writes it. The same
command with the same worker and idempotency key finishes an invocation that was cut short, or repeats its result.
"""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.cli import granting
from durable_dsl.cli.completion import completed, exports, workers
from durable_dsl.cli.component import HELP, component_of
from durable_dsl.cli.data import (
    add_data_option,
    add_guest_options,
    add_json_option,
    guest_options,
    invocation_failed,
    opened,
)
from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    import argparse

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.wit.exports import Export
    from durable_dsl.engine.worker.handle import Worker


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("component", metavar="COMPONENT", help=HELP)
    completed(
        parser.add_argument(
            "export",
            metavar="EXPORT",
            help="the function, as `place` or `orders#place`; `durable-dsl inspect COMPONENT` lists them",
        ),
        exports,
    )
    parser.add_argument(
        "arguments",
        metavar="ARG",
        nargs="*",
        help="one JSON value per parameter; plain text for strings and names; @FILE reads a file, - reads stdin",
    )
    completed(parser.add_argument("--worker", metavar="NAME", help="the worker to call (default: a new one)"), workers)
    add_data_option(parser)
    parser.add_argument(
        "--env",
        metavar="K=V",
        action="append",
        default=[],
        type=_assignment,
        help="an environment variable for a new worker (`worker grant` changes those of others); may be repeated",
    )
    parser.add_argument(
        "--component",
        dest="others",
        metavar="COMPONENT",
        action="append",
        default=[],
        help="another component (or app) whose workers this one calls; once is enough per build; may be repeated",
    )
    parser.add_argument("--idempotency-key", metavar="KEY", help="names this invocation: the same key never runs twice")
    parser.add_argument("--fresh", action="store_true", help="delete the worker first, with its history")
    add_guest_options(parser)
    add_json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    path = component_of(arguments.component, quiet=arguments.json)
    others = [component_of(each, quiet=arguments.json) for each in arguments.others]
    with opened(arguments, env=dict(arguments.env), **guest_options(arguments)) as engine:
        for other in others:
            engine.load(other)
        worker, export, values = _prepare(engine, path, arguments)
        try:
            status = _invoke(worker, export, values, arguments)
        except console.CommandError:
            _let_others_finish(engine, worker)
            raise
        _let_others_finish(engine, worker)
        return status


def _prepare(engine: Engine, path: Path, arguments: argparse.Namespace) -> tuple[Worker, Export, list[object]]:
    """Everything that can be wrong with the request is found here, before anything is written."""
    from durable_dsl.engine.wit.json_form import arguments as parsed

    component = engine.load(path)
    export = component.resolve(arguments.export)
    values = parsed(arguments.arguments, export, _read)
    if arguments.fresh and arguments.worker is not None:
        engine.delete_worker(arguments.worker)
    worker = granting.told(engine.worker(arguments.worker, component))
    granting.tell_of_environment(worker, arguments.env)
    if arguments.worker is None and not arguments.json:
        console.note(f"worker {worker.name}")
    return worker, export, values


def _invoke(worker: Worker, export: Export, values: list[object], arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.errors import InvocationError
    from durable_dsl.engine.wit.json_form import result_json
    from durable_dsl.engine.worker.other_processes import begun_or_joined

    key = arguments.idempotency_key or str(uuid.uuid4())
    about = {"worker": worker.name, "idempotency_key": key}
    try:
        value = begun_or_joined(worker, key, lambda: worker.begin(export, values, idempotency_key=key)).wait()
    except InvocationError as error:
        failed = invocation_failed(error, worker.name, key)
        failed.facts = {**about, "status": error.status, "oplog_index": worker.oplog_index}
        raise failed from error
    result = result_json(value, export)
    if arguments.json:
        console.print_json({"result": result, **about, "status": worker.status, "oplog_index": worker.oplog_index})
    elif export.type.result is not None:
        console.out(console.json_text(result))
    return console.OK


def _let_others_finish(engine: Engine, worker: Worker) -> None:
    """Calls of other workers that nobody waits for are done here, unless they wait for something else."""
    suspended = engine.settle()
    for stopped in engine.opened_workers():
        if stopped is not worker and stopped.wants is not None:
            console.note(f"worker {stopped.name} has stopped; `durable-dsl worker resume {stopped.name}` continues it")
    for one in suspended:
        console.note(f"worker {one.name} is suspended; `durable-dsl worker resume {one.name}` continues it")
    coming = engine.schedule.coming()
    if coming:
        from durable_dsl.engine.oplog.view import time_text

        calls = "1 call is" if len(coming) == 1 else f"{len(coming)} calls are"
        when = f"the next for worker {coming[0].worker} at {time_text(coming[0].time)}"
        console.note(f"{calls} scheduled, {when}; what runs workers here then makes them")


def _read(name: str) -> str:
    """The text that an argument names: `-` is stdin."""
    try:
        if name == "-":
            return sys.stdin.read()
        return Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise console.CommandError(f"cannot read {name}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        what = "stdin" if name == "-" else name
        raise console.CommandError(f"{what} is not UTF-8 text, which JSON is", "pass bytes as base64") from error


def _assignment(text: str) -> tuple[str, str]:
    import argparse

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    return name, value
