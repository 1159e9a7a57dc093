"""`durable-dsl worker grant` and `worker revoke`: what a worker, or all workers of a component, may do.

What `run` and the verbs that steer are given is added to what their worker has. All of it is kept with the worker.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from durable_dsl.cli.completion import completed, components, workers
from durable_dsl.cli.data import add_grant_options, grant_options
from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.grants.granted import Grants
    from durable_dsl.engine.worker.handle import Worker


def configure(parser: argparse.ArgumentParser, *, gives: bool) -> None:
    completed(parser.add_argument("name", metavar="NAME", nargs="?", help="the worker"), workers)
    completed(
        parser.add_argument("--component", metavar="COMPONENT", help="all workers of this component, instead of one"),
        components,
    )
    add_grant_options(parser)
    metavar, summary = ("K=V", "set an environment variable") if gives else ("K", "what --env set")
    parser.add_argument(
        "--env", metavar=metavar, action="append", default=[], help=f"{summary}, for calls that read it from now on"
    )


def grant(engine: Engine, arguments: argparse.Namespace) -> int:
    pairs = [text.partition("=") for text in arguments.env]
    if not all(name and equals for name, equals, _ in pairs):
        raise console.CommandError("expected --env NAME=VALUE", status=console.USAGE)
    worker = _worker(engine, arguments)
    if worker is None:
        engine.grant(arguments.component, **grant_options(arguments))
    else:
        worker.grant(**grant_options(arguments), env={name: value for name, _, value in pairs})
    return _show(engine, arguments, worker)


def revoke(engine: Engine, arguments: argparse.Namespace) -> int:
    worker = _worker(engine, arguments)
    if worker is None:
        engine.revoke(arguments.component, **grant_options(arguments))
    else:
        worker.revoke(**grant_options(arguments), env=arguments.env)
    return _show(engine, arguments, worker)


def _worker(engine: Engine, arguments: argparse.Namespace) -> Worker | None:
    """Whose grants they are: a worker's, or with None a component's."""
    if (arguments.name is None) == (arguments.component is None):
        raise console.CommandError("whose grants?", "give a worker's NAME, or --component", console.USAGE)
    if not (any(grant_options(arguments).values()) or arguments.env):
        raise console.CommandError("which grants?", "for example --allow-http HOST", console.USAGE)
    if arguments.name is not None:
        return engine.reach(arguments.name)
    if arguments.env:
        raise console.CommandError("an environment is a worker's own", "give NAME for --env", console.USAGE)
    return None


def _show(engine: Engine, arguments: argparse.Namespace, worker: Worker | None) -> int:
    granted = engine.granted(arguments.component) if worker is None else worker.permissions.own
    if arguments.json:
        whose = {"component": arguments.component} if worker is None else {"name": worker.name}
        console.print_json({**whose, "grants": granted.as_json()})
        return console.OK
    owner = f"component {arguments.component}" if worker is None else f"worker {worker.name}"
    console.note(f"{owner}: {described(granted)}")
    if worker is not None and worker.summary().underway is not None and not worker.held:
        console.note(f"`durable-dsl worker resume {shlex.quote(worker.name)}` continues what is under way")
    return console.OK


def described(granted: Grants) -> str:
    return " ".join(granted.options) or "nothing is granted"


def told(worker: Worker) -> Worker:
    """The worker; says what it was granted by this command, if it was there before."""
    if worker.granted_anew:
        console.note(f"worker {worker.name} has from now on: {described(worker.granted_anew)}")
    return worker


def tell_of_environment(worker: Worker, wanted: Iterable[tuple[str, str]]) -> None:
    """A worker that was there before keeps its environment: say which variables it has otherwise."""
    has = dict(worker.variables)
    others = [name for name, value in wanted if has.get(name) != value]
    if others:
        options = " ".join(f"--env {name}=…" for name in others)
        console.note(
            f"worker {worker.name} keeps its environment, in which {', '.join(others)} is different; "
            f"to change it: durable-dsl worker grant {shlex.quote(worker.name)} {options}"
        )
