"""What the shell offers for an argument: workers of the data directory, exports of a component or an app, targets.

It is asked for at each press of the tab key: the database is read without the engine, an app's source without importing
it, and whatever cannot be read offers nothing.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    Completer = Callable[..., list[str]]

__all__ = ["completed", "components", "exports", "kinds", "targets", "workers"]


def completed(action: argparse.Action, completer: Completer) -> argparse.Action:
    """Have the shell complete an argument, by argcomplete's convention: an attribute of argparse's object."""
    vars(action)["completer"] = completer
    return action


def workers(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    return _names(parsed_args, "SELECT name FROM worker ORDER BY name")


def components(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Names of components that the data directory has."""
    return _names(parsed_args, "SELECT name FROM component ORDER BY name")


def exports(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Of the component or app that stands before."""
    given = Path(parsed_args.component)
    with suppress(Exception):  # a shell's prompt is no place for what is wrong with an app
        return _of_component(given) if given.suffix == ".wasm" else _of_app(given)
    return []


def kinds(**_: Any) -> list[str]:
    from durable_dsl.engine.oplog.entries import KINDS

    return sorted(KINDS)


def targets(**_: Any) -> list[str]:
    from durable_codegen.world.targets import TARGETS

    return sorted(TARGETS)


def _names(parsed_args: argparse.Namespace, query: str) -> list[str]:
    file = (Path(parsed_args.data) / "durable.sqlite3").resolve()
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        return [str(row[0]) for row in connection.execute(query)]
    return []


def _of_component(path: Path) -> list[str]:
    from durable_codegen.component.report import SECTION
    from durable_codegen.component.section import read_section
    from durable_codegen.wit.json_form import read_document

    section = read_section(path, SECTION)
    if section is not None:
        return [_short(each["name"]) for each in json.loads(section)["exports"]]
    document = read_document(path)  # of another tool's: slower
    (world,) = (each for each in document.worlds if each["name"] == "root")
    interfaces = [
        document.interface(item["interface"]["id"]) for item in world["exports"].values() if "interface" in item
    ]
    functions = [name for name, item in world["exports"].items() if "function" in item]
    return [*functions, *(name for interface in interfaces for name in interface["functions"])]


def _of_app(path: Path) -> list[str]:
    from durable_codegen.analysis.reading.exports import find_exports
    from durable_codegen.analysis.reading.reach import Analysis
    from durable_codegen.analysis.reading.sources import find_sources

    sources = find_sources([str(path)], {})
    found = find_exports(Analysis(sources.modules), sources.app, sources.world)
    return [_short(export.name) for export in found]


def _short(name: str) -> str:
    return name.rpartition("#")[2]
