"""What the verbs that touch a data directory share: their options, opening the engine, telling its errors."""

from __future__ import annotations

import os
import shlex
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_dsl.cli.terminal import progress
from durable_dsl.cli.terminal.console import FAULT, GUEST_FAILED, CommandError, is_terminal, note
from durable_dsl.printable import PrintableStream

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.errors import InvocationError
    from durable_dsl.engine.worker.handle import Worker

DEFAULT = ".durable"
#: So many workers are named to somebody who asks for one that is not there.
_NAMED = 5


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=os.environ.get("DURABLE_DSL_DATA") or DEFAULT,
        help="the data directory (default: $DURABLE_DSL_DATA, else %(default)s)",
    )


def add_grant_options(parser: argparse.ArgumentParser) -> None:
    """What a worker may reach: kept with the worker."""
    for option, named, metavar, summary in (
        ("--allow-http", "allow_http", "HOST[:PORT]", "allow HTTP requests to this host"),
        ("--dir", "dirs", "HOST::GUEST[:ro]", "show the guest a directory of this machine"),
        ("--allow-workers", "allow_workers", "COMPONENT", "let it see and steer the workers of this component (* all)"),
        ("--secret", "secrets", "NAME[=@FILE]", "send this secret for its place in requests; from $NAME, or a file"),
    ):
        parser.add_argument(
            option, dest=named, metavar=metavar, action="append", default=[], help=f"{summary}; may be repeated"
        )


def add_guest_options(parser: argparse.ArgumentParser) -> None:
    """The options of verbs that run guest code: what it may reach and use."""
    add_grant_options(parser)
    parser.add_argument("--max-memory", metavar="SIZE", type=size, help="most memory of an instance, as 256M")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        help="longest time of an invocation, waits included (slows guests by a fifth)",
    )


def grant_options(arguments: argparse.Namespace) -> dict[str, Any]:
    return {
        "allow_http": arguments.allow_http,
        "dirs": arguments.dirs,
        "workers": arguments.allow_workers,
        "secrets": arguments.secrets,
    }


def guest_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `Engine.open` takes of them; guest output goes to stderr."""
    return {
        **grant_options(arguments),
        "max_memory": arguments.max_memory,
        "timeout": arguments.timeout,
    }


_output = PrintableStream()


def show_output(_level: str, data: bytes) -> None:
    """Guest output, at once; stdout is for results alone. On a terminal it prints and does nothing else."""
    if sys.stderr.isatty():
        data = _output.piece(data).encode(sys.stderr.encoding or "utf-8", "backslashreplace")
    sys.stderr.buffer.write(data)
    sys.stderr.buffer.flush()


@contextmanager
def compiling(path: Path) -> Iterator[None]:
    """Say that the seconds now are for compiling, once per build of a component."""
    started = time.monotonic()
    with progress.stages() as show:
        show(f"compiling {path.name} (once per build)")
        yield
    if is_terminal(sys.stderr):
        note(f"compiled {path.name} in {time.monotonic() - started:.1f} s")


_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def size(text: str) -> int:
    """A number of bytes as people write it: 1000, 64K, 256M, 1GiB."""
    import argparse
    import re

    found = re.fullmatch(r"(\d+)([KMG]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"expected a size such as 256M, got {text!r}")
    return int(found[1]) * _UNITS[found[2].upper()]


def seconds(text: str) -> float:
    """A time limit: more than nothing."""
    import argparse

    try:
        limit = float(text)
    except ValueError:
        limit = 0.0
    if not 0 < limit <= threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"expected a number of seconds above 0, got {text!r}")
    return limit


_HIGHEST = (1 << 63) - 1


def index(text: str) -> int:
    """An index of an oplog, or a count of what is in one: from 1 to what the database can count."""
    import argparse

    if not (text.isascii() and text.isdigit() and len(text) < 20 and 1 <= int(text) <= _HIGHEST):
        raise argparse.ArgumentTypeError(f"expected a number from 1 to {_HIGHEST}, got {text!r}")
    return int(text)


def existing(component: str) -> Path:
    """The path of a component file that is there."""
    path = Path(component)
    if not path.is_file():
        raise CommandError(f"there is no file {component}")
    return path


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")


@contextmanager
def opened(
    arguments: argparse.Namespace, *, reads: bool = False, makes: bool = True, **options: Any
) -> Iterator[Engine]:
    """The engine on `--data`; its errors become errors of the command.

    A verb that only `reads` gets a copy where the directory cannot be written, as one from a backup or another user's.
    One that does not make a data directory is told where there is none.
    """
    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.directory.copying import copied
    from durable_dsl.engine.errors import EngineError, UsageError
    from durable_dsl.engine.oplog.store import FILE

    data = Path(arguments.data)
    given = [path for path in (data, data / FILE) if path.exists()]
    if not makes and len(given) < 2:
        hint = "`durable-dsl run` makes one; --data names another"
        raise CommandError(f"there is no data directory {arguments.data}", hint)
    copies = reads and len(given) > 1 and not all(os.access(path, os.W_OK) for path in given)
    try:
        with (
            copied(data) if copies else nullcontext(data) as directory,
            Engine.open(directory, output=show_output, notices=note, while_compiling=compiling, **options) as engine,
        ):
            yield engine
    except UsageError as error:
        raise CommandError(error.message, error.hint) from error
    except EngineError as error:
        raise CommandError(str(error), "", getattr(error, "exit_status", FAULT)) from error


def known_worker(engine: Engine, name: str) -> Worker:
    """The worker of that name; where there is none, those are named that may be meant."""
    from difflib import get_close_matches

    row = engine.catalogue.worker(name)
    if row is not None:
        return engine.worker(name)
    names = [each.name for each in engine.catalogue.workers()]
    near = get_close_matches(name, names, n=_NAMED, cutoff=0.5) or names[:_NAMED]
    more = ", …" if len(names) > len(near) else ""
    hint = f"its workers: {', '.join(near)}{more}" if names else "it has no workers"
    raise CommandError(f"there is no worker {name!r} in {engine.data}", hint)


def wants_a_grant(worker: str, key: str | None = None, error: InvocationError | None = None) -> CommandError:
    """The error of a command whose worker has stopped for the want of a grant."""
    hint = f"once that is allowed, `durable-dsl worker resume {shlex.quote(worker)}` goes on"
    if key is not None:
        hint += f", and so does the same command with --idempotency-key {shlex.quote(key)}"
    said = f"worker {worker!r} has stopped where it was; the refused call is not on record"
    if error is None:
        return CommandError(said, hint)
    return CommandError(said, hint, error=error.as_json(), facts={"worker": worker, "status": error.status})


def invocation_failed(error: InvocationError, worker: str, key: str | None = None) -> CommandError:
    """The error of a command whose guest failed: the guest's own traceback, once."""
    from durable_dsl.engine.redaction import redacted, redacted_text

    facts = {"worker": worker, "status": error.status}
    if error.type == "NotGranted":  # the engine has said what, and how to allow it
        return wants_a_grant(worker, key, error)
    if error.type.startswith("PreviousInvocation"):
        hint = f"`durable-dsl worker show {worker}` tells more; `--fresh` starts over, `worker revert` goes back"
        said = f"worker {worker!r} is {error.status}. {redacted_text(error.message)}"
        return CommandError(said, hint, GUEST_FAILED, error=redacted(error.as_json()), facts=facts)
    if error.type == "Divergence":
        hint = (
            "nothing was changed; go on with the build that fits, or: durable-dsl worker update --snapshot, "
            "worker revert, worker fork"
        )
        if "recorded filesystem::" in error.message:  # of a file from before grants were kept with workers
            grant = f"durable-dsl worker grant {shlex.quote(worker)} --dir …"
            hint = f"if it was run with a --dir that it does not have, give it that: {grant}; otherwise, {hint}"
        told = f"{error.message}\n{error.traceback}".strip()
        said = f"worker {worker!r} does something else than its oplog has recorded: {told}"
        return CommandError(said, hint, error=redacted(error.as_json()), facts=facts)
    told = error.traceback or str(error)
    if error.message not in told:  # frames of WebAssembly say nothing of what happened
        told = f"{error}\n{told}"
    said = f"the invocation failed; worker {worker!r} is {error.status}"
    return CommandError(said, redacted_text(told), GUEST_FAILED, error=redacted(error.as_json()), facts=facts)
