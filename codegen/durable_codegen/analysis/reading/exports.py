"""Which functions of the app are exports, read from the source and, where there is one, from the WIT.

The build finds exports in the imported app and knows for certain; this is for `check` and `explain`, which run before
anything imports or builds. `@export`, the class layout of componentize-py and plain names are understood. Where there
is neither WIT nor `@export`, functions that bear marks and methods of classes derived from bindings stand in.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_codegen.analysis.reading.names import is_property
from durable_codegen.analysis.reading.program import Class
from durable_codegen.source.names import camel, kebab, python_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from durable_codegen.analysis.reading.program import Function
    from durable_codegen.analysis.reading.reach import Analysis
    from durable_codegen.world.model import Interface, World

__all__ = ["Exported", "find_exports", "from_build"]


@dataclass(frozen=True, eq=False)
class Exported:
    """An export: its name as `run` takes it (`desk#place`), and the function that implements it."""

    name: str
    function: Function


def from_build(analysis: Analysis, exports: Iterable[Mapping[str, object]]) -> list[Exported]:
    """The exports that a build has planned, by the file and line that it gives for each."""
    places: dict[tuple[str, int], Function] = {}
    for function in analysis.program.app_functions():
        first = min([function.line, *(each.lineno for each in function.decorators)])
        for line in range(first, function.line + 1):
            places[function.module.file, line] = function
    found = []
    for each in exports:
        implementation = places.get((str(each["file"]), int(str(each["line"] or 0))))
        if implementation is not None:
            found.append(Exported(short(str(each["name"])), implementation))
    return found


def short(name: str) -> str:
    """`demo:orders/desk@1.0.0#place` as `desk#place`."""
    interface, hash_, function = name.rpartition("#")
    return f"{interface.rpartition('/')[2].partition('@')[0]}{hash_}{function}"


def find_exports(analysis: Analysis, app: str | None, world: World | None) -> list[Exported]:
    """The exports of the module `app`, in the order of the world or of the source."""
    finder = _Finder(analysis, app)
    found = list(finder.of_world(world)) if world is not None else []
    if not found:
        found = list(finder.marked())
    if not found and world is None:
        found = list(finder.guessed())
    unique: dict[tuple[str, str], Exported] = {(each.name, each.function.path): each for each in found}
    return list(unique.values())


class _Finder:
    def __init__(self, analysis: Analysis, app: str | None) -> None:
        self.analysis = analysis
        self.program = analysis.program
        self.app = app
        self.claims = dict(self._claims())

    def of_world(self, world: World) -> Iterator[Exported]:
        for interface in world.exports:
            owner = self._class_of(interface, world)
            for function in interface.functions:
                name = f"{interface.name}#{function.export}" if interface.name else function.export
                found = None
                if function.resource is not None:
                    resource = self._resource(interface, function.resource)
                    method = "__init__" if function.kind == "constructor" else python_name(function.name)
                    found = None if resource is None else self.analysis.names.method(resource, method)
                else:
                    found = self._claimed(interface, function.name)
                    if found is None and owner is not None:
                        found = self.analysis.names.method(owner, python_name(function.name))
                    if found is None:
                        found = self._named(python_name(function.name), interface)
                if found is not None:
                    yield Exported(name, found)

    def marked(self) -> Iterator[Exported]:
        """What bears `@export`, in the order of the source; of a class its methods, inherited ones included."""
        order = {name: number for number, name in enumerate(self.program.modules)}
        owners = (self.program.classes.get(path) for path in self.claims)
        functions = (self.program.functions.get(path) for path in self.claims)
        found: list[Class | Function] = [each for each in owners if each is not None]
        found += [each for each in functions if each is not None and each.owner is None]
        for each in sorted(found, key=lambda each: (order[each.module.name], getattr(each.node, "lineno", 1))):
            if each.module.root.kind != "app":
                continue
            if isinstance(each, Class):
                yield from self._methods(each)
            else:
                claim = self.claims[each.path]
                yield Exported(claim or kebab(each.path.rpartition(".")[2]) or each.name, each)

    def guessed(self) -> Iterator[Exported]:
        """Functions with marks that no other function of the app calls, and methods of the bindings' classes."""
        called = {
            event.callee.path for flow in self.analysis.flows() for event in flow.events if event.callee is not None
        }
        for function in self.program.app_functions():
            flow = self.analysis.flow(function)
            derived = function.owner is not None and any(
                ".exports"
                in (self.analysis.names.path(base, function.owner.scope.parent or function.owner.scope) or "")
                for base in function.owner.node.bases
            )
            marks = [mark for mark in flow.marks if mark.word != "operation"]
            if (derived and not function.name.rpartition(".")[2].startswith("_")) or (
                marks and function.path not in called
            ):
                yield Exported(function.name, function)

    def _methods(self, owner: Class) -> Iterator[Exported]:
        # A name of the class itself hides what its bases have under it, whatever that is.
        hidden: set[str] = set()
        found: dict[str, Function] = {}
        for each in self.analysis.names.lineage(owner):
            found |= {name: method for name, method in each.methods.items() if name not in hidden}
            hidden.update(each.scope.names)
        for own, method in sorted(found.items(), key=lambda item: item[0] != "__init__"):
            name = self.claims.get(method.path) or own
            if (name == "__init__" or not name.startswith("_")) and not is_property(method):
                yield Exported(f"{owner.path.rpartition('.')[2]}.{name}", method)

    def _claims(self) -> Iterator[tuple[str, str]]:
        """What bears `@export`, with the name that it gives, or ""."""
        names = self.analysis.names
        nodes = [(each.path, each.node, each.scope) for each in self.program.app_functions()]
        nodes += [(each.path, each.node, each.scope) for each in self.program.classes.values()]
        for path, node, scope in nodes:
            for decorator in getattr(node, "decorator_list", ()):
                call = decorator if isinstance(decorator, ast.Call) else None
                if names.path(call.func if call else decorator, scope.parent or scope) == "durable_dsl.export":
                    first = call.args[0] if call is not None and call.args else None
                    yield path, first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else ""

    def _claimed(self, interface: Interface, name: str) -> Function | None:
        for path, claim in self.claims.items():
            function = self.program.functions.get(path)
            if function is None or not claim:
                continue
            where, _, what = claim.rpartition("#")
            own = path.rpartition(".")[2]
            named_interface = claim in {interface.name, python_name(interface.name), interface.id}
            if named_interface and own == python_name(name):
                return function
            if what in {name, python_name(name)} and where in {"", interface.name, interface.id}:
                return function
        return None

    def _class_of(self, interface: Interface, world: World) -> Class | None:
        wanted = [camel(interface.name)] if interface.name else ["WitWorld", camel(world.name)]
        return next((found for name in wanted if (found := self._class(name)) is not None), None)

    def _class(self, name: str, modules: Iterable[str | None] = ()) -> Class | None:
        for path, claim in self.claims.items():
            if path in self.program.classes and (claim == name or camel(claim or "-") == name):
                return self.program.classes[path]
        for module in [*modules, self.app]:
            path = f"{module}.{name}"
            if path in self.program.classes:
                return self.program.classes[path]
            found = self.analysis.names._canonical(path, 0) if module in self.program.scopes else None  # noqa: SLF001
            if found in self.program.classes:
                return self.program.classes[found]
        return None

    def _resource(self, interface: Interface, resource: str) -> Class | None:
        module = python_name(interface.name)
        package = (self.app or "").rpartition(".")[0]
        return self._class(camel(resource), [module, f"{package}.{module}" if package else None])

    def _named(self, name: str, interface: Interface) -> Function | None:
        """The app module's function of that name; one that says itself it is for another interface is not it."""
        scope = self.program.scopes.get(self.app or "")
        path = None if scope is None else self.analysis.names.path(ast.Name(name), scope)
        found = None if path is None else self.program.functions.get(path)
        claim = None if found is None else self.claims.get(found.path)
        if claim and claim not in {interface.name, python_name(interface.name), interface.id}:
            return None
        return found
