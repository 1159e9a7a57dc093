"""`durable-dsl new NAME`: start a small project that builds, runs and tests at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.cli.build import report_faults
from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    """The name, and optionally another folder."""
    parser.add_argument("name", metavar="NAME", help="the project's name, and its folder's")
    parser.add_argument("--into", metavar="DIR", help="the folder to write to (default: NAME)")
    parser.add_argument(
        "--wit", action="store_true", help="with a world in WIT, instead of one inferred from type hints"
    )
    parser.add_argument(
        "--golem", metavar="VERSION", help="--wit, and a golem.yaml for that generation of Golem: 1.1 or 1.2"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the project, with bindings if it has WIT, and say what to do next."""
    from durable_codegen.build import write_bindings
    from durable_codegen.faults import BuildFailed
    from durable_codegen.project.config import resolve
    from durable_codegen.scaffold.golem import generation_named
    from durable_codegen.scaffold.project import create

    folder = Path(arguments.into or arguments.name)
    try:
        golem = generation_named(arguments.golem) if arguments.golem else None
        # Golem's tool reads the WIT before anything is built.
        wit_first = arguments.wit or golem is not None
        files = create(arguments.name, folder, wit_first=wit_first, golem=golem)
        if wit_first:
            settings = resolve({}, environment={}, folder=folder)
            write_bindings(settings, settings.root / ".durable" / "bindings")
    except BuildFailed as failed:
        report_faults(failed.faults)
        return console.FAULT
    for file in files:
        console.out(str(folder / file))
    console.note(f"\nnext:\n  cd {folder}\n  durable-dsl build\n  pytest")
    return console.OK
