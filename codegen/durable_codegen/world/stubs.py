"""The bindings that componentize-py wrote, read as source: what classes it expects, and with which annotations.

Nothing is imported. The wrapper's annotations are copied from here, so that a type checker finds the wrapper right
against the very bindings that it is used with; and types are followed to see where exported resources occur in them.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from durable_codegen.source.names import camel, interface_modules, python_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from durable_codegen.world.model import Function

__all__ = ["ClassStub", "MethodStub", "StubModule", "Stubs"]


@dataclass(frozen=True, slots=True)
class MethodStub:
    """A method that componentize-py calls; parameters are without the receiver, annotations as in `module`."""

    name: str
    receiver: str
    parameters: tuple[tuple[str, ast.expr], ...]
    returns: ast.expr
    module: StubModule


@dataclass(frozen=True, slots=True)
class ClassStub:
    """A class that componentize-py looks for, in the module of that dotted name."""

    name: str
    module: StubModule
    methods: Mapping[str, MethodStub]

    def method_of(self, function: Function) -> MethodStub | None:
        """The method for a function of the world."""
        name = "__init__" if function.kind == "constructor" else python_name(function.name)
        return self.methods.get(name)


class StubModule:
    """One module of the bindings: its classes and aliases, and what its imported names stand for."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.tree = ast.parse(path.read_bytes(), filename=str(path))
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self.imported: dict[str, str] = {}
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom):
                base = _absolute(node, package)
                self.imported |= {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names}

    @cached_property
    def classes(self) -> Mapping[str, ast.ClassDef]:
        return {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}

    @cached_property
    def aliases(self) -> Mapping[str, ast.expr]:
        return {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def reached_from_functions(self) -> tuple[str, ...]:
        """The module's functions and resources, and the types that they speak of."""
        definitions: dict[str, ast.AST] = {**self.classes, **self.aliases}
        functions = {node.name: node for node in self.tree.body if isinstance(node, ast.FunctionDef)}
        found = {name for name in functions if not name.startswith("_")}
        found |= {name for name, node in self.classes.items() if _is_resource(node)}
        waiting = [functions.get(name) or definitions[name] for name in sorted(found)]
        while waiting:
            for node in ast.walk(waiting.pop()):
                name = node.id if isinstance(node, ast.Name) else node.value if isinstance(node, ast.Constant) else None
                if isinstance(name, str) and name in definitions and name not in found:
                    found.add(name)
                    waiting.append(definitions[name])
        return tuple(sorted(found))

    def class_stub(self, name: str) -> ClassStub | None:
        node = self.classes.get(name)
        if node is None:
            return None
        methods = [each for each in node.body if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
        return ClassStub(name, self, {each.name: self._method(each) for each in methods})

    def _method(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> MethodStub:
        nothing: ast.expr = ast.Constant(None)
        receiver, *given = [*node.args.posonlyargs, *node.args.args]
        parameters = tuple((each.arg, each.annotation or nothing) for each in given)
        return MethodStub(node.name, receiver.arg, parameters, node.returns or nothing, self)


class Stubs:
    """The bindings of a world in `folder`.

    `export_modules` maps an exported interface to its module, which may have stepped aside for a module of the app;
    the name that users know it by is `known_as`.
    """

    def __init__(self, folder: Path, world_module: str, export_modules: Mapping[str, str]) -> None:
        self.world_module = world_module
        #: First parts of the names of everything that the bindings consist of.
        self.top_names = frozenset(path.stem for path in folder.iterdir() if path.suffix in {"", ".py", ".pyi"})
        self._folder = folder
        self._modules: dict[str, StubModule | None] = {}
        self._names = export_modules
        self._known = interface_modules(export_modules)

    def module(self, name: str) -> StubModule | None:
        """The module of that dotted name, if it belongs to the bindings."""
        if name not in self._modules:
            base = self._folder.joinpath(*name.split("."))
            paths = [path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()]
            self._modules[name] = StubModule(name, paths[0]) if paths else None
        return self._modules[name]

    def interface_module(self, interface: str) -> str:
        """The module's name of an exported interface, in the package of exports."""
        return self._names[interface]

    def known_as(self, interface: str) -> str:
        """The name that users know the interface's module by."""
        return self._known[interface]

    def world_class(self) -> ClassStub | None:
        """The class for the world's own functions."""
        module = self.module(self.world_module)
        return None if module is None else module.class_stub(camel(self.world_module))

    def interface_class(self, interface: str) -> ClassStub | None:
        """The class for an exported interface's functions."""
        module = self.module(f"{self.world_module}.exports")
        return None if module is None else module.class_stub(camel(self.interface_module(interface)))

    def resource_class(self, interface: str, resource: str) -> ClassStub | None:
        """The class for an exported resource."""
        module = self.module(f"{self.world_module}.exports.{self.interface_module(interface)}")
        return None if module is None else module.class_stub(camel(resource))

    def resolve(self, name: str, module: StubModule) -> tuple[StubModule, str] | None:
        """The module of the bindings that defines what `name` (dotted) stands for in `module`, and its name there."""
        first, _, rest = name.partition(".")
        if not rest and (first in module.classes or first in module.aliases):
            return module, first
        full = f"{module.imported[first]}.{rest}".rstrip(".") if first in module.imported else ""
        owner, _, last = full.rpartition(".")
        found = self.module(owner) if owner else None
        if found is None or last not in {*found.classes, *found.aliases}:
            return None
        return found, last


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def _is_resource(node: ast.ClassDef) -> bool:
    """Whether a class has methods of its own; records, variants, enums and flags have fields only."""
    return any(isinstance(each, ast.FunctionDef) for each in node.body)
