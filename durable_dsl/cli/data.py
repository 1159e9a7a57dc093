"""What the verbs that touch a data directory share: their options, opening the engine, telling its errors."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from durable_dsl.cli.console import FAULT, GUEST_FAILED, CommandError

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


def add_json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")


@contextmanager
def opened(arguments: argparse.Namespace, **options: Any) -> Iterator[Engine]:
    """The engine on `--data`; its errors become errors of the command."""
    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.errors import EngineError, UsageError

    try:
        with Engine.open(arguments.data, **options) as engine:
            yield engine
    except UsageError as error:
        raise CommandError(error.message, error.hint) from error
    except EngineError as error:
        raise CommandError(str(error), "", getattr(error, "exit_status", FAULT)) from error


def invocation_failed(error: InvocationError, worker: str) -> CommandError:
    """The error of a command whose guest failed: the guest's own traceback, once."""
    if error.type.startswith("PreviousInvocation"):
        hint = f"`durable-dsl worker show {worker}` tells more; `--fresh` starts over, `worker revert` goes back"
        return CommandError(f"worker {worker!r} is {error.status}. {error.message}", hint, GUEST_FAILED)
    told = error.traceback or str(error)
    return CommandError(f"the invocation failed; worker {worker!r} is {error.status}", told, GUEST_FAILED)
