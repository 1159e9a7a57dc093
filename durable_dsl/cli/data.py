"""What the verbs that touch a data directory share: their options, opening the engine, telling its errors.

What guests may do is given anew with each command that runs them; nothing of it is stored with a worker.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_dsl.cli import progress
from durable_dsl.cli.console import FAULT, GUEST_FAILED, CommandError, is_terminal, note

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.errors import InvocationError

DEFAULT = ".durable"


def add_data_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="DIR",
        default=os.environ.get("DURABLE_DSL_DATA") or DEFAULT,
        help="the data directory (default: $DURABLE_DSL_DATA, else %(default)s)",
    )


def add_guest_options(parser: argparse.ArgumentParser) -> None:
    """The options of verbs that run guest code: what it may reach and use."""
    parser.add_argument(
        "--allow-http",
        metavar="HOST[:PORT]",
        action="append",
        default=[],
        help="allow HTTP requests to this host; may be repeated",
    )
    parser.add_argument(
        "--dir",
        dest="dirs",
        metavar="HOST::GUEST[:ro]",
        action="append",
        default=[],
        help="show the guest a directory of this machine; may be repeated",
    )
    parser.add_argument("--max-memory", metavar="SIZE", type=size, help="most memory of an instance, as 256M")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=seconds, help="longest time of an invocation (slows guests by a fifth)"
    )


def guest_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """What `Engine.open` takes of them; guest output goes to stderr."""
    return {
        "allow_http": arguments.allow_http,
        "dirs": arguments.dirs,
        "max_memory": arguments.max_memory,
        "timeout": arguments.timeout,
    }


def show_output(_level: str, data: bytes) -> None:
    """Guest output, unchanged and at once; stdout is for results alone."""
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
def opened(arguments: argparse.Namespace, *, reads: bool = False, **options: Any) -> Iterator[Engine]:
    """The engine on `--data`; its errors become errors of the command.

    A verb that only `reads` gets a copy where the directory cannot be written, as one from a backup or another user's.
    """
    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.copying import copied
    from durable_dsl.engine.errors import EngineError, UsageError
    from durable_dsl.engine.oplog.store import FILE

    data = Path(arguments.data)
    given = [path for path in (data, data / FILE) if path.exists()]
    copies = reads and len(given) > 1 and not all(os.access(path, os.W_OK) for path in given)
    try:
        with (
            copied(data) if copies else nullcontext(data) as directory,
            Engine.open(directory, output=show_output, while_compiling=compiling, **options) as engine,
        ):
            yield engine
    except UsageError as error:
        raise CommandError(error.message, error.hint) from error
    except EngineError as error:
        raise CommandError(str(error), "", getattr(error, "exit_status", FAULT)) from error


def invocation_failed(error: InvocationError, worker: str) -> CommandError:
    """The error of a command whose guest failed: the guest's own traceback, once."""
    facts = {"worker": worker, "status": error.status}
    if error.type.startswith("PreviousInvocation"):
        hint = f"`durable-dsl worker show {worker}` tells more; `--fresh` starts over, `worker revert` goes back"
        said = f"worker {worker!r} is {error.status}. {error.message}"
        return CommandError(said, hint, GUEST_FAILED, error=error.as_json(), facts=facts)
    if error.type == "Divergence":
        hint = (
            "nothing was changed; go on with the build that fits, or: durable-dsl worker update --snapshot, "
            "worker revert, worker fork"
        )
        told = f"{error.message}\n{error.traceback}".strip()
        if "recorded filesystem::" in error.message:
            hint = f"it may have been run with a --dir that is not given now; otherwise, {hint}"
        said = f"worker {worker!r} does something else than its oplog has recorded: {told}"
        return CommandError(said, hint, error=error.as_json(), facts=facts)
    told = error.traceback or str(error)
    if error.message not in told:  # frames of WebAssembly say nothing of what happened
        told = f"{error}\n{told}"
    said = f"the invocation failed; worker {worker!r} is {error.status}"
    return CommandError(said, told, GUEST_FAILED, error=error.as_json(), facts=facts)
