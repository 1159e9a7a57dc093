"""`durable-dsl explain`: for each export, what is done again after a crash, and how often each effect happens."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "app", nargs="?", metavar="APP", help="the app (default: the project's), or a component (.wasm)"
    )
    parser.add_argument("--export", metavar="NAME", help="only this export")
    parser.add_argument("--json", action="store_true", help="print the explanation as JSON")
    parser.add_argument("--wit", metavar="PATH", help="WIT file or folder (default: wit/ beside the app)")
    parser.add_argument("--world", metavar="NAME", help="the world, where the WIT has several")


def run(arguments: argparse.Namespace) -> int:
    """Explain an app from its source, or a component from what its build has written into it."""
    given: str | None = arguments.app
    is_component = given is not None and given.endswith(".wasm")
    exports = _of_component(Path(str(given))) if is_component else _of_app(arguments)
    if arguments.export is not None:
        exports = _named(exports, arguments.export)
    if arguments.json:
        console.print_json({"exports": exports})
        return console.OK
    from durable_codegen.analysis.explain.text import as_text

    width = shutil.get_terminal_size().columns if console.is_terminal(sys.stdout) else None
    console.out(as_text(exports, color=console.color_enabled(sys.stdout), width=width))
    return console.OK


def _of_app(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    from durable_codegen.analysis.explain.crashes import explain
    from durable_codegen.analysis.reading.exports import find_exports
    from durable_codegen.analysis.reading.reach import Analysis
    from durable_codegen.analysis.reading.sources import find_sources
    from durable_codegen.faults import BuildFailed
    from durable_dsl.cli.build import not_built

    flags = {name: getattr(arguments, name) for name in ("wit", "world")}
    try:
        sources = find_sources([arguments.app] if arguments.app else [], flags)
        if sources.faults:
            raise BuildFailed(sources.faults)
    except BuildFailed as failed:
        raise not_built(failed.faults, "nothing is explained") from failed
    analysis = Analysis(sources.modules)
    exports = find_exports(analysis, sources.app, sources.world)
    if not exports:
        raise console.CommandError(
            "no exports can be seen in the source",
            "mark the functions with @export, or say with --wit where the world is",
        )
    return explain(analysis, exports, overlapping=sources.overlapping)


def _of_component(path: Path) -> list[dict[str, Any]]:
    from durable_codegen.analysis.explain.section import read_explained
    from durable_codegen.component.section import NotWasm

    if not path.is_file():
        raise console.CommandError(f"there is no component {path}", "build it with durable-dsl build")
    try:
        exports = read_explained(path)
    except NotWasm as fault:
        raise console.CommandError(str(fault)) from fault
    if exports is None:
        raise console.CommandError(
            f"{path} says nothing of its exports: it was not built by durable-dsl, or by another version",
            "explain the app's source instead: durable-dsl explain APP",
        )
    return exports


def _named(exports: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    found = [each for each in exports if each["name"] == name]
    found = found or [each for each in exports if each["name"].rpartition("#")[2] == name]
    found = found or [each for each in exports if name.endswith(f"/{each['name']}")]
    # A method of a resource, as `cart.add` or just `add`.
    found = found or [each for each in exports if each["name"].endswith((f"]{name}", f".{name}"))]
    if not found:
        names = ", ".join(each["name"] for each in exports)
        raise console.CommandError(f"there is no export {name}", f"the exports are {names}")
    return found
