"""`durable-dsl bindings`: write the world's Python stubs for editors, type checkers and plain-Python tests.

The stubs hold the whole of golem:api/host if the world imports it, else nothing of it: apps reach the host through
durable_dsl then.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.cli.build import add_input_options, flags_of, report_faults
from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    import argparse

DEFAULT = Path(".durable") / "bindings"


def configure(parser: argparse.ArgumentParser) -> None:
    """The folder, and what says which world it is."""
    parser.add_argument("folder", nargs="?", metavar="DIR", help=f"where the stubs go (default: {DEFAULT})")
    add_input_options(parser, positional=False)


def run(arguments: argparse.Namespace) -> int:
    """Write the stubs and say where."""
    from durable_codegen.build import write_bindings
    from durable_codegen.faults import BuildFailed
    from durable_codegen.project.config import resolve

    try:
        settings = resolve(flags_of(arguments))
        folder = Path(arguments.folder) if arguments.folder else settings.root / DEFAULT
        write_bindings(settings, folder)
    except BuildFailed as failed:
        report_faults(failed.faults)
        return console.FAULT
    console.out(os.path.relpath(folder))
    return console.OK
