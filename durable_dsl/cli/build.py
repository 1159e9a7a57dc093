"""`durable-dsl build`: compile decorated functions into a WebAssembly component.

stdout holds the result (the table of exports and their regions, or JSON); progress, warnings and faults go to stderr.
"""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.cli.completion import completed, targets
from durable_dsl.cli.terminal import console, progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from durable_codegen.component.report import Result
    from durable_codegen.faults import Fault

#: Flag → setting.
_FLAGS = {
    "app": "app",
    "wit": "wit",
    "world": "world",
    "target": "target",
    "output": "output",
    "name": "name",
    "world_module": "world-module",
    "requirements": "requirements",
}

_DOING = {
    "vendor": "installing dependencies for the guest",
    "wit": "reading the world",
    "scan": "importing the app",
    "plan": "matching exports",
    "emit": "writing the wrapper",
    "componentize": "making the component",
    "report": "finishing",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the verb; each but the last five can also be a setting or a variable."""
    add_input_options(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="where the component goes (default: NAME.wasm)")
    parser.add_argument("--name", help="the component's name (default: the app's)")
    parser.add_argument("--emit", metavar="DIR", help="write wrapper, world and bindings into DIR and stop")
    parser.add_argument("--force", action="store_true", help="build even if nothing has changed")
    parser.add_argument("--json", action="store_true", help="print the result, or the faults, as JSON")
    parser.add_argument("-v", "--verbose", action="store_true", help="show stages, their times and what the app prints")


def add_input_options(parser: argparse.ArgumentParser, *, positional: bool = True) -> None:
    """The options that say what is built; `bindings` has them too."""
    app = "module file or package folder (default: the project's)"
    if positional:
        parser.add_argument("app", nargs="?", metavar="APP", help=app)
    else:
        parser.add_argument("--app", metavar="APP", help=app)
    parser.add_argument(
        "--wit",
        metavar="PATH",
        help="WIT file or folder (default: wit/ beside the app; without any, type hints make the world)",
    )
    parser.add_argument("--world", metavar="NAME", help="the world to build, where the WIT has several")
    completed(
        parser.add_argument("--target", metavar="TARGET", help="golem-1.0 (default), golem-1.1 or golem-1.2"), targets
    )
    parser.add_argument("--world-module", metavar="NAME", help="what the bindings are called (default: wit_world)")
    parser.add_argument("--requirements", metavar="FILE", help="the app's dependencies (default: those of the project)")


def flags_of(arguments: argparse.Namespace) -> dict[str, object]:
    """The settings that were given as flags."""
    return {setting: getattr(arguments, flag, None) for flag, setting in _FLAGS.items()}


def run(arguments: argparse.Namespace) -> int:
    """Build, and say what was built or what is wrong."""
    from durable_codegen.build import build, emit_only
    from durable_codegen.faults import BuildFailed
    from durable_codegen.project.config import resolve

    begin = time.perf_counter()
    try:
        settings = resolve(flags_of(arguments))
        with show_progress(verbose=arguments.verbose, quiet=arguments.json) as show:
            if arguments.emit is not None:
                faults = emit_only(settings, Path(arguments.emit), progress=show)
                report_faults(faults)
                return _emitted(arguments)
            result = build(settings, progress=show, force=arguments.force)
    except BuildFailed as failed:
        return _failed(failed.faults, time.perf_counter() - begin, as_json=arguments.json)
    if arguments.json:
        _print_json(result)
    else:
        _print(result, verbose=arguments.verbose)
    return console.OK


def report_faults(faults: Iterable[Fault]) -> None:
    """Print faults on stderr, if there are any."""
    from durable_codegen.faults import render

    text = render(faults, color=console.color_enabled(sys.stderr))
    if text:
        console.note(text)


def not_built(faults: Iterable[Fault], said: str) -> console.CommandError:
    """The error of a verb that could not go on for the faults of an app: they are reported, and in its JSON form."""
    from durable_codegen.faults import to_json

    found = list(faults)
    report_faults(found)
    return console.CommandError(said, facts={"faults": [to_json(fault) for fault in found]})


def _failed(faults: tuple[Fault, ...], seconds: float, *, as_json: bool) -> int:
    if as_json:
        from durable_codegen.component.report import result_json

        console.print_json(result_json(None, (), None, seconds, faults, cached=False))
        return console.FAULT
    report_faults(faults)
    errors = sum(fault.severity == "error" for fault in faults)
    console.note(f"{errors} fault{'' if errors == 1 else 's'}; nothing was built")
    return console.FAULT


def _emitted(arguments: argparse.Namespace) -> int:
    if arguments.json:
        console.print_json({"emitted": arguments.emit})
    else:
        console.out(f"{Path(arguments.emit) / 'durable_wrapper.py'}")
    return console.OK


def _print_json(result: Result) -> None:
    from durable_codegen.component.report import result_json

    exports = result.exports
    output = str(_shown(result.output))
    console.print_json(result_json(output, exports, result.size, result.seconds, result.faults, cached=result.cached))


def _print(result: Result, *, verbose: bool) -> None:
    from durable_codegen.component.report import table_rows

    # Notes are for those who build; an unchanged build has said them before.
    report_faults(fault for fault in result.faults if not (result.cached and fault.severity == "note"))
    if verbose:
        if result.printed:
            console.note(result.printed.rstrip("\n"))
        for name, seconds in result.stages:
            console.note(f"{name:<13}{seconds:6.2f} s")
        if result.packages:
            console.note(f"packages: {', '.join(f'{name} {number}' for name, number in result.packages)}")
    console.out(console.table(table_rows(result.exports), ("export", "regions", "source")))
    state = "unchanged" if result.cached else f"{result.seconds:.1f} s"
    console.out(f"\n{_shown(result.output)}  {result.size / 1e6:.1f} MB  {result.target}  {state}")


def _shown(path: Path) -> Path:
    """A path as one would type it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


@contextlib.contextmanager
def show_progress(*, verbose: bool, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show the stage under way: each as a line with --verbose, else as `progress` shows stages."""
    if verbose:
        yield lambda stage: console.note(f"{_DOING[stage]} …")
        return
    with progress.stages(quiet=quiet) as show:
        yield lambda stage: show(_DOING[stage])
