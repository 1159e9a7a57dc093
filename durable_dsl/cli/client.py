"""`durable-dsl client`: write a Python module by which other components call this one's workers."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_dsl.cli.build import report_faults
from durable_dsl.cli.component import component_of
from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "component",
        metavar="COMPONENT",
        help="a component file (.wasm), an app (.py or a folder with one), or WIT (.wit or a folder of it)",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="where to write the module (default: stdout)")
    parser.add_argument("--name", metavar="NAME", help="what the component is called (default: what its build says)")
    parser.add_argument("--world", metavar="WORLD", help="the world, where the WIT has several")


def run(arguments: argparse.Namespace) -> int:
    from durable_codegen.emit.clients import client_module
    from durable_codegen.faults import BuildFailed
    from durable_codegen.source.outputs import check_client
    from durable_codegen.wit.json_form import WitError, read_document

    if arguments.output is not None:
        try:
            check_client(Path(arguments.output))
        except BuildFailed as failed:
            report_faults(failed.faults)
            return console.FAULT
    source = _source(arguments.component)
    try:
        document = read_document(source)
    except WitError as error:
        raise console.CommandError(f"{arguments.component} has no WIT that can be read", str(error)) from error
    world = _world(document.worlds, arguments.world, is_component=source.suffix == ".wasm")
    name = arguments.name or _name(source, document, world)
    text = client_module(document, world, name, version=version("durable-dsl"))
    if arguments.output is None:
        console.out(text.rstrip("\n"))
        return console.OK
    try:
        Path(arguments.output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise console.CommandError(f"cannot write {arguments.output}: {error.strerror}") from error
    return console.OK


def _source(given: str) -> Path:
    """WIT as it is; else a component, built if need be."""
    path = Path(given)
    if path.suffix == ".wit" or (path.is_dir() and any(path.glob("*.wit"))):
        return path
    return component_of(given)


def _world(worlds: list[dict[str, Any]], wanted: str | None, *, is_component: bool) -> dict[str, Any]:
    named = {world["name"]: world for world in worlds}
    if is_component:
        return named["root"]
    if wanted is not None and wanted not in named:
        raise console.CommandError(f"there is no world {wanted}", f"the worlds are {', '.join(named)}")
    if wanted is None and len(named) != 1:
        raise console.CommandError("the WIT has several worlds", f"name one with --world: {', '.join(named)}")
    return named[wanted] if wanted is not None else worlds[0]


def _name(source: Path, document: Any, world: dict[str, Any]) -> str:
    """What the build wrote into the component; else its file's name, or its package's."""
    from durable_codegen.component.report import SECTION
    from durable_codegen.component.section import read_section

    if source.suffix != ".wasm":
        package = str(document.package_name(world["package"]))
        return package.partition("@")[0].rpartition(":")[2]
    payload = read_section(source, SECTION)
    facts = json.loads(payload) if payload else {}
    return str(facts.get("name") or source.stem)
