"""Which function or class of the app implements which export.

In this order: what bears `@export` with a name; the class that componentize-py expects (named after the interface, or
derived from its class in the bindings); the module-level function of the export's name. A resource is a class of its
name in a module named after the interface, or in the app module.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

from durable_codegen.faults import Fault
from durable_codegen.names import camel, python_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from durable_codegen.modules import Module
    from durable_codegen.scan import Class, MarkRecord, Scan, ScannedModule
    from durable_codegen.scan import Function as AppFunction
    from durable_codegen.stubs import Stubs
    from durable_codegen.world import Function, Interface, World

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


@dataclass(frozen=True, slots=True)
class _Explicit:
    """Something that bears `@export`, and what it says it implements."""

    module: ScannedModule
    name: str
    mark: MarkRecord
    function: AppFunction | None
    class_: Class | None


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
        self._faults = faults
        self._lines = {source.file: _definition_lines(source.tree) for source in sources.values()}
        self._used: set[tuple[str, int]] = set()
        self._functions: dict[tuple[str | None, str], _Explicit] = {}
        self._classes: dict[tuple[str | None, str], _Explicit] = {}
        self._explicit = list(self._find_explicit())
        for each in self._explicit:
            self._claim(each)
        self._check_redefinitions()

    def function(self, interface: Interface, function: Function, name: str) -> Implementation | Fault | None:
        """What implements a function of an interface or of the world; `name` is its Python name."""
        explicit = self._functions.get((interface.id, function.export))
        if explicit is not None and explicit.function is not None:
            self._used.add(_key(explicit.mark))
            return self._of_function(explicit.module, explicit.name, explicit.function)
        owner = self._interface_class(interface)
        if owner is not None:
            method = owner.methods.get(name)
            if method is not None and not self._is_stub(method.defined):
                return self._of_method(owner, name, method, "instance")
        return self._by_name(interface, function, name)

    def resource(self, interface: Interface, name: str) -> Class | None:
        """The class that implements a resource."""
        assert interface.id is not None, "the world itself exports no resources"
        explicit = self._classes.get((interface.id, name))
        if explicit is not None:
            self._used.add(_key(explicit.mark))
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

    def method(self, owner: Class, function: Function, name: str) -> Implementation | None:
        """The method of a resource's class for a constructor, method or static function."""
        if function.kind == "constructor":
            init = owner.methods.get("__init__")
            file, line = self._place_of_class(owner)
            if init is not None and init.line is not None:
                file, line = init.file, self._line(init.file, init.line)
            return Implementation(owner.owner, owner.name, "__init__", "resource", init, file, line, layout=True)
        method = owner.methods.get(name)
        if method is None or self._is_stub(method.defined):
            return None
        return self._of_method(owner, name, method, "resource")

    def leftover_exports(self) -> Iterator[Fault]:
        """Marks of `@export` that no export of the world answers to."""
        known = [name for interface in self._world.exports for name in _spellings(interface)]
        for each in self._explicit:
            if _key(each.mark) in self._used:
                continue
            wanted = str(each.mark.arguments["name"] or each.name)
            close = get_close_matches(wanted, known, 1, 0.5)
            hint = f"did you mean {close[0]}? " if close else ""
            yield Fault(
                "DSL204",
                f"@export on {each.name}: the world {self._world.name} exports no {wanted}",
                each.mark.file,
                each.mark.line,
                hint=f"{hint}the world exports {', '.join(dict.fromkeys(known)) or 'nothing'}",
            )

    def _find_explicit(self) -> Iterator[_Explicit]:
        seen: set[tuple[str, int]] = set()
        ordered = sorted(self._scan.modules.values(), key=lambda module: module is not self._app)
        for module in ordered:
            for name, function in module.functions.items():
                for mark in function.marks:
                    if mark.kind == "export" and _key(mark) not in seen:
                        seen.add(_key(mark))
                        yield _Explicit(module, name, mark, function, None)
            for name, found in module.classes.items():
                if found.export is not None and _key(found.export) not in seen:
                    seen.add(_key(found.export))
                    yield _Explicit(module, name, found.export, None, found)

    def _claim(self, each: _Explicit) -> None:
        """Note what an `@export` is for; a bare one only has to match something by name."""
        wanted = each.mark.arguments["name"]
        if each.class_ is not None:
            self._claim_class(each, wanted)
            return
        for interface, function in self._meant(wanted, each.name):
            key = (interface.id, function.export)
            before = self._functions.setdefault(key, each)
            if before is not each:
                self._used.add(_key(each.mark))
                self._faults.append(
                    Fault(
                        "DSL205",
                        f"{each.name} and {before.name} both implement {_full(interface, function.name)}",
                        each.mark.file,
                        each.mark.line,
                        hint=f"keep one of them; the other is at {before.mark.file}:{before.mark.line}",
                    )
                )

    def _meant(self, wanted: object, python: str) -> list[tuple[Interface, Function]]:
        """The exports that `@export(wanted)` on a function called `python` may mean."""
        everything = [
            (interface, function)
            for interface in self._world.exports
            for function in interface.functions
            if function.resource is None
        ]
        if wanted is None:
            by_name = [pair for pair in everything if python_name(pair[1].name) == python]
            return by_name if len(by_name) == 1 else self._note_shared(by_name, python)
        text = str(wanted)
        interface_name, _, function_name = text.rpartition("#") if "#" in text else ("", "", text)
        if interface_name or text.startswith("#"):
            return [
                pair
                for pair in everything
                if _is_called(pair[0], interface_name) and _same(pair[1].name, function_name)
            ]
        of_interface = [
            pair for pair in everything if _is_called(pair[0], text) and python_name(pair[1].name) == python
        ]
        by_name = [pair for pair in everything if _same(pair[1].name, text)]
        return of_interface or (by_name if len(by_name) == 1 else [])

    def _note_shared(self, pairs: list[tuple[Interface, Function]], python: str) -> list[tuple[Interface, Function]]:
        for each in self._explicit:
            if pairs and each.name == python and each.mark.arguments["name"] is None:
                self._used.add(_key(each.mark))
                self._faults.append(_shared(pairs, python, each.mark.file, each.mark.line))
        return []

    def _claim_class(self, each: _Explicit, wanted: object) -> None:
        text = each.name if wanted is None else str(wanted)
        interface_name, _, last = text.rpartition("#") if "#" in text else ("", "", text)
        for interface in self._world.exports:
            fits = not interface_name or _is_called(interface, interface_name)
            for resource in interface.resources:
                if fits and (_same(resource, last) or camel(resource) == last):
                    self._classes.setdefault((interface.id, resource), each)
            if not interface_name and (_is_called(interface, text) or camel(interface.name or "-") == text):
                self._classes.setdefault((interface.id, ""), each)
            if interface.id is None and text in self._world_names():
                self._classes.setdefault((None, ""), each)

    def _interface_class(self, interface: Interface) -> Class | None:
        explicit = self._classes.get((interface.id, ""))
        if explicit is not None:
            self._used.add(_key(explicit.mark))
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
            and _same(other.name, function.name)
            and (each.id, other.export) not in self._functions
            and (each is interface or not self._has_method(each, name))
        ]
        self._used.update(_key(mark) for mark in marks)
        if len(rivals) > 1:
            return _shared(rivals, name, found.file, self._line(found.file, found.line))
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
        owner = self._interface_class(interface)
        method = owner.methods.get(name) if owner else None
        return method is not None and not self._is_stub(method.defined)

    def _is_stub(self, dotted: str) -> bool:
        """Whether something stands in the generated bindings rather than in the app."""
        return dotted.partition(".")[0] in self._stubs.top_names

    def _of_function(self, module: ScannedModule, name: str, function: AppFunction) -> Implementation:
        file = function.file or module.file
        line = self._line(function.file, function.line)
        return Implementation(module.name, None, name, "function", function, file, line)

    def _of_method(self, owner: Class, name: str, method: AppFunction, style: Style) -> Implementation:
        file, line = method.file, self._line(method.file, method.line)
        if line is None:
            file, line = self._place_of_class(owner)
        at_run_time = style == "resource" and method.is_overridden
        return Implementation(owner.owner, owner.name, name, style, method, file, line, at_run_time, layout=True)

    def _place_of_class(self, owner: Class) -> tuple[str | None, int | None]:
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

    def _check_redefinitions(self) -> None:
        """Two exported functions of one name in one module: the first is gone once the second is defined."""
        for source in self._sources.values():
            seen: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
            for node in source.tree.body:
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_exported(node):
                    before = seen.setdefault(node.name, node)
                    if before is not node:
                        self._faults.append(
                            Fault(
                                "DSL205",
                                f"{node.name} is defined twice: this one replaces the one in line {before.lineno}",
                                source.file,
                                node.lineno,
                                hint=f'give them names of their own: @export("interface#{node.name}")',
                            )
                        )


def _is_exported(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    for decorator in node.decorator_list:
        bare = decorator.func if isinstance(decorator, ast.Call) else decorator
        if ast.unparse(bare).rpartition(".")[2] == "export":
            return True
    return False


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


def _shared(pairs: list[tuple[Interface, Function]], name: str, file: str | None, line: int | None) -> Fault:
    names = " and ".join(_full(interface, function.name) for interface, function in pairs)
    example = pairs[0][0].name or pairs[-1][0].name
    return Fault(
        "DSL206",
        f"{name} may be {names}",
        file,
        line,
        hint=f'say which: @export("{example}"), or @export("{example}#{pairs[0][1].name}") under another name',
    )


def _key(mark: MarkRecord) -> tuple[str, int]:
    return mark.file, mark.line


def _full(interface: Interface, function: str) -> str:
    return f"{interface.name}#{function}" if interface.name else function


def _same(wit: str, given: str) -> bool:
    return wit == given or python_name(wit) == given


def _is_called(interface: Interface, name: str) -> bool:
    """Whether `name` is a way to name the interface: in short, in full, with or without version."""
    if interface.id is None:
        return name == ""
    return name in {interface.id, interface.id.partition("@")[0]} or _same(interface.name, name)


def _spellings(interface: Interface) -> list[str]:
    names = [_full(interface, function.name) for function in interface.functions if function.resource is None]
    return [*names, *(_full(interface, resource) for resource in interface.resources)]
