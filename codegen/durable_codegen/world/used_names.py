"""Types that an interface uses from another, and where the bindings have them.

componentize-py defines a type in the module of the interface that declares it, and nowhere else. Who looks for it in
the module of an interface that says `use types.{book};` is told where it is: by a line at the end of that module, which
the build's scan, tests and a REPL come upon alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_codegen.source.literals import quoted
from durable_codegen.source.names import camel

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from durable_codegen.wit.json_form import Document

__all__ = ["find_used", "write_used"]

_TEXT = """
# Written by durable-dsl: types that are used here and declared elsewhere.
import typing

if not typing.TYPE_CHECKING:
    _DECLARED = {declared}

    def __getattr__(name):
        if name in _DECLARED:
            raise ImportError(f"{{__name__}} only uses {{name}}: write {{_DECLARED[name]}}", name=__name__)
        raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
"""


def find_used(
    document: Document, world: Mapping[str, Any], world_module: str, modules: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Module of the bindings → name that is not in it → the import that gets it.

    `modules` are the modules of the interfaces by their ids, of "imports" and of "exports".
    """
    found: dict[str, dict[str, str]] = {}
    positions = {direction: document.interfaces_of(dict(world), direction) for direction in modules}
    for direction, interfaces in positions.items():
        for interface, position in interfaces.items():
            for name, kind in document.interface(position)["types"].items():
                origin, owner = _origin(document, kind)
                if owner == position:
                    continue
                # An interface that is exported too is spoken of as exported, by those that are.
                order = ("exports", "imports") if direction == "exports" else ("imports", "exports")
                places = {f"{each}.{modules[each][id_]}": at for each in order for id_, at in positions[each].items()}
                home = next((place for place, at in places.items() if at == owner), None)
                if home is not None:
                    renamed = "" if camel(origin) == camel(name) else f" as {camel(name)}"
                    module = f"{world_module}.{direction}.{modules[direction][interface]}"
                    how = f"from {world_module}.{home} import {camel(origin)}{renamed}"
                    found.setdefault(module, {})[camel(name)] = how
    return found


def write_used(used: Mapping[str, Mapping[str, str]], bindings: Path) -> None:
    """Add to modules of the bindings where the names are that are not in them."""
    for module, names in used.items():
        file = bindings.joinpath(*module.split(".")).with_suffix(".py")
        if file.is_file():
            declared = ", ".join(f"{quoted(name)}: {quoted(how)}" for name, how in sorted(names.items()))
            text = _TEXT.format(declared=f"{{{declared}}}")
            file.write_text(file.read_text(encoding="utf-8").rstrip("\n") + f"\n\n{text}", encoding="utf-8")


def _origin(document: Document, position: int) -> tuple[str, int | None]:
    """What a type is called where it is declared, and the position of that interface."""
    definition = document.type_definition(position)
    while True:
        owner = definition["owner"]
        kind = definition["kind"]
        used = kind.get("type") if isinstance(kind, dict) else None
        target = document.type_definition(used) if isinstance(used, int) else None
        if target is None or target["owner"] in (owner, None):
            interface = owner.get("interface") if isinstance(owner, dict) else None
            return str(definition["name"]), interface
        definition = target
