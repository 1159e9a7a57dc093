"""`durable-dsl wit`: show, write or check the world that is inferred from an app's type hints.

stdout holds the WIT. A world that was written to `world.wit` beside the app is compared with the app at each build;
`--check` does so alone, for CI, and wants the very same text.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.cli.build import flags_of, report_faults
from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    import argparse

    from durable_codegen.faults import Fault
    from durable_codegen.project.config import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    """The app, and what to do with its world."""
    parser.add_argument("app", nargs="?", metavar="APP", help="module file or package folder (default: the project's)")
    parser.add_argument("-o", "--output", metavar="FILE", dest="file", help="write the world to FILE")
    parser.add_argument(
        "--check",
        action="store_true",
        help="say whether the committed world.wit is that of the app; exit status 1 if not",
    )
    parser.add_argument("--requirements", metavar="FILE", help="the app's dependencies (default: those of the project)")


def run(arguments: argparse.Namespace) -> int:
    """Infer the world, and print, write or compare it."""
    from durable_codegen.build import inferred_wit
    from durable_codegen.faults import BuildFailed
    from durable_codegen.project.config import resolve

    try:
        settings = resolve({**flags_of(arguments), "output": None})
        if not settings.code_first:
            console.note(f"{settings.shown(settings.app.path)} is built for the WIT in {settings.shown(settings.wit)}")
            return console.OK
        text, faults = inferred_wit(settings)
    except BuildFailed as failed:
        report_faults(failed.faults)
        return console.FAULT
    if arguments.check:
        return _check(settings, text, faults)
    if arguments.file is None:
        console.out(text.rstrip("\n"))
        return console.OK
    return _write(Path(arguments.file), text, faults)


def _check(settings: Settings, text: str, faults: tuple[Fault, ...]) -> int:
    """Compare with the committed file, byte for byte."""
    from durable_codegen.faults import Fault
    from durable_codegen.project.config import COMMITTED

    if settings.committed is None:
        missing = Fault("DSL614", f"there is no {COMMITTED}", hint=f"durable-dsl wit -o {COMMITTED} writes it")
        report_faults([missing])
        return console.FAULT
    shown = settings.shown(settings.committed)
    if settings.committed.read_text(encoding="utf-8") == text:
        console.note(f"{shown} is up to date")
        return console.OK
    stale = Fault("DSL614", f"{shown} is not what the app says now", shown, hint=f"durable-dsl wit -o {shown}")
    report_faults([*faults, stale])
    return console.FAULT


def _write(file: Path, text: str, faults: tuple[Fault, ...]) -> int:
    """Write it, and say what changes for callers where it is the committed world that is written."""
    from durable_codegen.project.config import is_inferred

    try:
        if file.exists() and not is_inferred(file):
            raise console.CommandError(
                f"{file} is not a world that durable-dsl has written", "nothing was written; name another file"
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise console.CommandError(f"cannot write {file}: {error.strerror}") from error
    for fault in faults:
        console.note(fault.message)
    console.out(str(file))
    return console.OK
