"""`durable-dsl inspect`: a component's exports with their signatures and regions, its target and its imports."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from durable_dsl.cli.component import HELP, component_of
from durable_dsl.cli.data import add_json_option, compiling
from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("component", metavar="COMPONENT", help=HELP)
    add_json_option(parser)


def run(arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.errors import EngineError

    try:
        facts = _facts(component_of(arguments.component, quiet=arguments.json))
    except EngineError as error:
        raise console.CommandError(str(error)) from error
    if arguments.json:
        console.print_json(facts)
    else:
        console.out(_text(facts))
    return console.OK


def _facts(path: Path) -> dict[str, Any]:
    from durable_dsl.engine.bridge.component import load
    from durable_dsl.engine.directory.cache import user_cache
    from durable_dsl.engine.invocations.component import build_facts

    component = load(path, user_cache(), while_compiling=compiling)
    built = build_facts(component)
    marked = {export["name"]: export for export in (built or {}).get("exports", [])}
    return {
        "target": None if built is None else built.get("target"),
        "exports": [
            {
                "name": export.name,
                "signature": export.signature,
                "regions": [_region(region) for region in marked.get(export.name, {}).get("regions", [])],
            }
            for export in component.exports
        ],
        "imports": [imported.id for imported in component.imports],
    }


def _region(region: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": region["kind"],
        "word": region.get("word", region["kind"]),
        "file": region.get("file"),
        "line": region.get("line"),
        "arguments": region.get("arguments", {}),
    }


def _mark(region: dict[str, Any]) -> str:
    """The mark about as one writes it."""
    said = [f"{name}={json.dumps(value)}" for name, value in region["arguments"].items() if value is not None]
    if region["kind"] == "idempotence":
        said = []
    return f"@{region['word']}({', '.join(said)})" if said else f"@{region['word']}"


def _text(facts: dict[str, Any]) -> str:
    lines = [f"target   {facts['target'] or 'none (not built by durable-dsl)'}", "", "exports"]
    for export in facts["exports"]:
        interface, _, _function = export["name"].rpartition("#")
        where = f"{interface}#" if interface else ""
        lines.append(f"  {where}{export['signature']}")
        lines += [f"      {_mark(region)}  {region['file']}:{region['line']}" for region in export["regions"]]
    return "\n".join([*lines, "", "imports", *(f"  {name}" for name in facts["imports"])])
