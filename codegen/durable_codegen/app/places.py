"""Where things stand in the app's source, for messages about type hints: parameters, results, fields and classes."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_codegen.app.modules import Module

__all__ = ["Place", "Places"]

_Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Place:
    """A thing that messages are about: what it is called, and where it stands."""

    what: str
    file: str | None
    line: int | None


class Places:
    """Looks things up in the modules of the app, by name."""

    def __init__(self, sources: Mapping[str, Module]) -> None:
        self._sources = sources
        self._functions: dict[tuple[str, int], _Definition] = {}
        for module in sources.values():
            for node in ast.walk(module.tree):
                if isinstance(node, _Definition):
                    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                    self._functions[module.file, first] = node

    def function(self, file: str | None, line: int | None) -> int | None:
        """The line of the `def`, given that of the first decorator."""
        node = self._function(file, line)
        return line if node is None else node.lineno

    def parameter(self, file: str | None, line: int | None, name: str) -> int | None:
        """The line of a parameter."""
        node = self._function(file, line)
        if node is None:
            return line
        arguments = node.args
        rest = [each for each in (arguments.vararg, arguments.kwarg) if each is not None]
        for each in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *rest]:
            if each.arg == name:
                return each.lineno
        return node.lineno

    def class_(self, module: str, qualname: str) -> tuple[str | None, int | None]:
        """File and line of a class."""
        node = self._class(module, qualname)
        return (None, None) if node is None else (self._sources[module].file, node.lineno)

    def field(self, module: str, qualname: str, name: str) -> tuple[str | None, int | None]:
        """File and line of a field."""
        node = self._class(module, qualname)
        for each in [] if node is None else node.body:
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id == name:
                return self._sources[module].file, each.lineno
        return self.class_(module, qualname)

    def checked_only(self, file: str | None, name: str) -> int | None:
        """The line where a name is imported for type checkers only, under `if TYPE_CHECKING`."""
        module = next((each for each in self._sources.values() if each.file == file), None)
        for node in [] if module is None else ast.walk(module.tree):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                for each in ast.walk(node):
                    if isinstance(each, (ast.Import, ast.ImportFrom)) and any(
                        (alias.asname or alias.name).partition(".")[0] == name for alias in each.names
                    ):
                        return each.lineno
        return None

    def _function(self, file: str | None, line: int | None) -> _Definition | None:
        return None if file is None or line is None else self._functions.get((file, line))

    def _class(self, module: str, qualname: str) -> ast.ClassDef | None:
        if module not in self._sources:
            return None
        body: list[ast.stmt] = self._sources[module].tree.body
        found: ast.ClassDef | None = None
        for part in qualname.split("."):
            nodes = [each for node in body for each in _statements(node)]
            found = next((each for each in nodes if isinstance(each, ast.ClassDef) and each.name == part), None)
            if found is None:
                return None
            body = found.body
        return found


def _statements(node: ast.stmt) -> list[ast.stmt]:
    """A statement, or those under an `if` or `try` at the top of a module."""
    if isinstance(node, (ast.If, ast.Try)):
        inside = [*node.body, *node.orelse]
        return [each for statement in inside for each in _statements(statement)]
    return [node]
