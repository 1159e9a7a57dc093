"""`durable-dsl check`: what an app's source says that cannot be meant, without importing or building it.

With `--against DATA` it is the stored workers that are checked, against the app as it is now.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from durable_dsl.cli.completion import completed, targets
from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    import argparse

    from durable_codegen.analysis.check.groups import Report


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("app", nargs="*", metavar="APP", help="the app, or files and folders (default: the project's)")
    parser.add_argument("--against", metavar="DATA", help="check the workers stored in DATA against this app, instead")
    parser.add_argument(
        "--worker",
        dest="workers",
        metavar="NAME",
        action="append",
        default=[],
        help="with --against: only this worker; may be repeated",
    )
    parser.add_argument("--select", metavar="CODES", help="only these codes, or beginnings of codes: DSL501,DSL51")
    parser.add_argument("--ignore", metavar="CODES", help="leave these codes out")
    forms = ("text", "json", "sarif", "github")
    parser.add_argument("--format", choices=forms, default="text", help="how findings are printed (default: text)")
    parser.add_argument("--json", action="store_true", help="the same as --format json")
    parser.add_argument("--wit", metavar="PATH", help="WIT file or folder (default: wit/ beside the app)")
    parser.add_argument("--world", metavar="NAME", help="the world, where the WIT has several")
    completed(
        parser.add_argument("--target", metavar="TARGET", help="golem-1.0 (default), golem-1.1 or golem-1.2"), targets
    )


def run(arguments: argparse.Namespace) -> int:
    """Check, print what was found, and say by the status whether anything but information was."""
    if arguments.against is not None:
        from durable_dsl.cli.against import run_against

        return run_against(arguments)
    from durable_codegen.analysis.check.groups import check
    from durable_codegen.analysis.reading.sources import find_sources
    from durable_codegen.faults import BuildFailed
    from durable_dsl.cli.build import not_built

    flags = {name: getattr(arguments, name) for name in ("wit", "world", "target")}
    try:
        sources = find_sources(arguments.app, flags)
    except BuildFailed as failed:
        raise not_built(failed.faults, "nothing was checked") from failed
    report = check(sources, select=_codes(arguments.select), ignore=_codes(arguments.ignore))
    _print(report, "json" if arguments.json else arguments.format)
    return console.FAULT if report.fails else console.OK


def _codes(given: str | None) -> list[str]:
    """The codes of an option. Raises CommandError for one that no finding can have."""
    from durable_codegen.catalogue import CATALOGUE

    codes = [each.strip().upper() for each in (given or "").split(",") if each.strip()]
    for code in codes:
        if not any(known.startswith(code) for known in CATALOGUE if known.startswith(("DSL5", "DSL211"))):
            known = ", ".join(each for each in sorted(CATALOGUE) if each.startswith("DSL5"))
            raise console.CommandError(f"there is no finding {code}", f"the codes are {known}", console.USAGE)
    return codes


def _print(report: Report, form: str) -> None:
    from durable_codegen.analysis.check import formats

    if form == "json":
        console.print_json(formats.to_json(report))
    elif form == "sarif":
        from importlib.metadata import version

        console.print_json(formats.sarif(report, version("durable-dsl")))
    elif form == "github":
        if report.findings:
            console.out(formats.github(report))
    else:
        console.out(formats.text(report, color=console.color_enabled(sys.stdout)))
