"""Names in the generated module: who is called what, and which imports that takes.

Parameters have the names that WIT gives them, and those may be anything; so every other name steps aside. A module or
object is imported once it is asked for, under the first of its names that is free.
"""

from __future__ import annotations

import builtins
import keyword
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = ["Scope", "free"]

# Builtins that the generated code uses.
_USED_BUILTINS = frozenset(
    {"BaseException", "None", "list", "tuple", "str", "int", "bool", "bytes", "float", "isinstance"}
)


def free(name: str, taken: Collection[str]) -> str:
    """`name`, with underscores at its end until nothing else is called so."""
    while name in taken or keyword.iskeyword(name):
        name += "_"
    return name


class Scope:
    """The names of a module that is being written; `reserved` are those that it must not use for its own things."""

    def __init__(self, reserved: Iterable[str]) -> None:
        self._taken = set(reserved) | _USED_BUILTINS
        self._modules: dict[str, str] = {}
        self._objects: dict[tuple[str, str], str] = {}

    def define(self, name: str) -> str:
        """A name of the module's own."""
        chosen = free(name, self._taken)
        self._taken.add(chosen)
        return chosen

    def module(self, dotted: str, *preferred: str) -> str:
        """The local name of a module; `preferred` are further names to try, best first."""
        if dotted not in self._modules:
            candidates = [*preferred, dotted.rpartition(".")[2], dotted.replace(".", "_")]
            chosen = next((name for name in candidates if name not in self._taken), candidates[-1])
            self._modules[dotted] = self.define(chosen)
        return self._modules[dotted]

    def object(self, module: str, name: str) -> str:
        """The local name of something in a module."""
        if (module, name) not in self._objects:
            self._objects[module, name] = self.define(name)
        return self._objects[module, name]

    def imports(self) -> list[str]:
        """The import statements, sorted as isort does: the standard library first, plain imports before others."""
        plain = {
            dotted: local for dotted, local in self._modules.items() if "." not in dotted or local != _last(dotted)
        }
        grouped: dict[str, dict[str, str]] = {}
        for dotted, local in self._modules.items():
            if dotted not in plain:
                package, _, name = dotted.rpartition(".")
                grouped.setdefault(package, {})[name] = local
        for (module, name), local in self._objects.items():
            grouped.setdefault(module, {})[name] = local
        sections: list[list[str]] = [[], []]
        for dotted, local in sorted(plain.items(), key=lambda item: item[0].lower()):
            line = f"import {dotted}" if dotted == local else f"import {dotted} as {local}"
            sections[not _is_stdlib(dotted)].append(line)
        for module, names in sorted(grouped.items(), key=lambda item: item[0].lower()):
            sections[not _is_stdlib(module)] += from_import(module, names)
        first, second = sections
        return [*first, *([""] if first and second else []), *second]


def from_import(module: str, names: dict[str, str], width: int = 88) -> list[str]:
    """A `from … import …`, one name a line where they do not fit on one."""
    parts = [name if name == local else f"{name} as {local}" for name, local in sorted(names.items(), key=_isort_key)]
    line = f"from {module} import {', '.join(parts)}"
    if len(line) <= width:
        return [line]
    return [f"from {module} import (", *(f"    {part}," for part in parts), ")"]


def _isort_key(item: tuple[str, str]) -> tuple[int, str]:
    """Constants, then classes, then the rest."""
    name = item[0]
    rank = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return rank, name


def _last(dotted: str) -> str:
    return dotted.rpartition(".")[2]


def _is_stdlib(dotted: str) -> bool:
    top = dotted.partition(".")[0]
    return top in sys.stdlib_module_names or hasattr(builtins, top)
