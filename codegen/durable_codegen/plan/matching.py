"""Which function or class of the app implements which export.

In this order: what bears `@export` with a name; the class that componentize-py expects (named after the interface, or
derived from its class in the bindings); the module-level function of the export's name. A resource is a class of its
name in a module named after the interface, or in the app module.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from durable_codegen.faults import Fault
from durable_codegen.plan.snapshots import Snapshots
from durable_codegen.source.names import camel
from durable_codegen.world.explicit import Claims, shared_fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from durable_codegen.app.modules import Module
    from durable_codegen.discovery.scan import Class, Scan, ScannedModule
    from durable_codegen.discovery.scan import Function as AppFunction
    from durable_codegen.world.model import Function, Interface, World
    from durable_codegen.world.stubs import Stubs

__all__ = ["Implementation", "Matcher"]

Style = Literal["function", "instance", "resource"]


@dataclass(frozen=True, slots=True)
class Implementation:
    """What the wrapper calls for an export: `name` in the module `owner`, or in its class `class_name`.

    `at_run_time`: subclasses of a resource define it differently, so each call looks it up and its marks are not
    compiled. `layout`: it follows componentize-py's own layout, where parameters may have any name.
    """

    owner: str
    class_name: str | None
    name: str
    style: Style
    function: AppFunction | None
    file: str | None
    line: int | None
    at_run_time: bool = False
    layout: bool = False


class Matcher:
    """Finds implementations in a scan; faults that are not about one export go to `faults`."""

    def __init__(
        self,
        world: World,
        module: str,
        scan: Scan,
        stubs: Stubs,
        sources: Mapping[str, Module],
        faults: list[Fault],
    ) -> None:
        self._world = world
        self._app = scan.modules.get(module)
        self._scan = scan
        self._stubs = stubs
        self._sources = sources
        self._lines = {source.file: _definition_lines(source.tree) for source in sources.values()}
        self._snapshots = Snapshots(scan, world, faults)
        claimed = self._snapshots.without_marked(world)
        self._claims = Claims(claimed, self._world_names(), self._app, scan, faults)

    def function(self, interface: Interface, function: Function, name: str) -> Implementation | Fault | None:
        """What implements a function of an interface or of the world; `name` is its Python name."""
        marked = self._snapshots.function(interface)
        if marked is not None:
            return self._of_function(marked.module, marked.name, marked.function, layout=True)
        explicit = self._claims.function(interface, function)
        if explicit is not None and explicit.function is not None:
            return self._of_function(explicit.module, explicit.name, explicit.function)
        owner = self.interface_class(interface)
        if owner is not None:
            method = owner.methods.get(name)
            if method is not None and not self._is_stub(method.defined):
                return self._of_method(owner, name, method, "instance")
            if owner.abstract:
                # Derived from the class of the bindings, so that without all of its methods no object can be made.
                return None
        return self._by_name(interface, function, name)

    def resource(self, interface: Interface, name: str) -> Class | None:
        """The class that implements a resource."""
        assert interface.id is not None, "the world itself exports no resources"
        explicit = self._claims.resource(interface, name)
        if explicit is not None:
            return explicit.class_
        module = self._stubs.known_as(interface.id)
        package = self._app.name.rpartition(".")[0] if self._app else ""
        places = [self._scan.modules.get(each) for each in (module, f"{package}.{module}")]
        base = f"exports.{self._stubs.interface_module(interface.id)}.{camel(name)}"
        for place in [*places, self._app]:
            found = self._class_in(place, camel(name), base)
            if found is not None:
                return found
        return None

    def found_by_name(self) -> frozenset[int]:
        """The functions that are exports without a mark that the build sees."""
        return self._claims.found_by_name()

    def leftover_exports(self) -> Iterator[Fault]:
        """Marks of `@export` that no export of the world answers to."""
        return self._claims.leftover()

    def method(self, owner: Class, function: Function, name: str) -> Implementation | None:
        """The method of a resource's class for a constructor, method or static function."""
        if function.kind == "constructor":
            init = owner.methods.get("__init__")
            file, line = self.place_of_class(owner)
            if init is not None and init.line is not None:
                file, line = init.file, self._line(init.file, init.line)
            at_run_time = owner.maker != "__init__"
            return Implementation(
                owner.owner, owner.name, "__init__", "resource", init, file, line, at_run_time, layout=True
            )
        method = owner.methods.get(name)
        if method is None or self._is_stub(method.defined):
            return None
        return self._of_method(owner, name, method, "resource")

    def interface_class(self, interface: Interface) -> Class | None:
        """The class for the functions of an interface, or for the world's own."""
        explicit = self._claims.resource(interface, "")
        if explicit is not None:
            return explicit.class_
        if interface.id is None:
            for name in self._world_names():
                found = self._class_in(self._app, name, name)
                if found is not None:
                    return found
            return None
        base = f"exports.{camel(self._stubs.interface_module(interface.id))}"
        return self._class_in(self._app, camel(self._stubs.known_as(interface.id)), base)

    def _world_names(self) -> tuple[str, ...]:
        own = camel(self._stubs.world_module.rpartition(".")[2])
        return tuple(dict.fromkeys(["WitWorld", own, self._world.class_name]))

    def _class_in(self, module: ScannedModule | None, name: str, base: str) -> Class | None:
        """The class of that name, or one derived from the class of the bindings whose dotted name ends in `base`."""
        if module is None:
            return None
        found = module.classes.get(name)
        if found is not None and not self._is_stub(f"{found.module}."):
            return found
        for each in module.classes.values():
            if not self._is_stub(f"{each.module}.") and any(
                self._is_stub(parent) and parent.endswith(f".{base}") for parent in each.bases
            ):
                return each
        return None

    def _by_name(self, interface: Interface, function: Function, name: str) -> Implementation | Fault | None:
        if self._app is None:
            return None
        found = self._app.functions.get(name)
        if found is None:
            return self._not_callable(name)
        marks = [mark for mark in found.marks if mark.kind == "export"]
        if any(mark.arguments["name"] is not None for mark in marks):
            # It says itself which export it is for, and this is not the one.
            return None
        rivals = [
            (each, other)
            for each in self._world.exports
            for other in each.functions
            if other.resource is None
            and other.name == function.name
            and not self._claims.has_function(each, other)
            and self._snapshots.function(each) is None
            and (each is interface or not self._has_method(each, name))
        ]
        self._claims.use(found)
        if len(rivals) > 1:
            return shared_fault(rivals, name, found.file, self._line(found.file, found.line))
        return self._of_function(self._app, name, found)

    def _not_callable(self, name: str) -> Fault | None:
        assert self._app is not None
        kind = self._app.values.get(name) or ("class" if name in self._app.classes else None)
        if kind is None:
            return None
        line = _bound_at(self._sources[self._app.name].tree, name) if self._app.name in self._sources else None
        message = f"{name} is bound to a value of type {kind}, which cannot be called"
        if kind == "class":
            message = f"{name} is a class, and the export needs a function"
        return Fault("DSL207", message, self._app.file, line, hint=f"define a function {name}, or rename this")

    def _has_method(self, interface: Interface, name: str) -> bool:
        owner = self.interface_class(interface)
        method = owner.methods.get(name) if owner else None
        return method is not None and not self._is_stub(method.defined)

    def _is_stub(self, dotted: str) -> bool:
        """Whether something stands in the generated bindings rather than in the app."""
        return dotted.partition(".")[0] in self._stubs.top_names

    def _of_function(
        self, module: ScannedModule, name: str, function: AppFunction, *, layout: bool = False
    ) -> Implementation:
        file = function.file or module.file
        line = self._line(function.file, function.line)
        return Implementation(module.name, None, name, "function", function, file, line, layout=layout)

    def _of_method(self, owner: Class, name: str, method: AppFunction, style: Style) -> Implementation:
        file, line = method.file, self._line(method.file, method.line)
        if line is None:
            file, line = self.place_of_class(owner)
        at_run_time = style == "resource" and method.is_overridden
        return Implementation(owner.owner, owner.name, name, style, method, file, line, at_run_time, layout=True)

    def place_of_class(self, owner: Class) -> tuple[str | None, int | None]:
        """File and line of a class, as far as they are known."""
        source = self._sources.get(owner.module) or self._sources.get(owner.owner)
        if source is None:
            return None, None
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef) and node.name == owner.qualname.rpartition(".")[2]:
                return source.file, node.lineno
        return source.file, owner.line

    def _line(self, file: str | None, first: int | None) -> int | None:
        """The line of the `def`, where Python says that of the first decorator."""
        if file is None or first is None:
            return first
        return self._lines.get(file, {}).get(first, first)


def _definition_lines(tree: ast.Module) -> dict[int, int]:
    lines = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines[min([node.lineno, *(each.lineno for each in node.decorator_list)])] = node.lineno
    return lines


def _bound_at(tree: ast.Module, name: str) -> int | None:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        bound = {each.id for each in targets if isinstance(each, ast.Name)} | {getattr(node, "name", None)}
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {alias.asname or alias.name for alias in node.names}
        if name in bound:
            return node.lineno
    return None
