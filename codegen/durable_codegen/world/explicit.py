"""What bears `@export`: which functions and classes of the app say themselves what they implement.

`@export("interface")` names the interface, the function has the export's name; `@export("interface#function")` names
both. A bare `@export` only says that the name means an export. A mark that fits nothing is a fault, and so are two that
claim the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from durable_codegen.faults import Fault
from durable_codegen.source.names import camel, python_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.discovery.scan import Class, MarkRecord, Scan, ScannedModule
    from durable_codegen.discovery.scan import Function as AppFunction
    from durable_codegen.world.model import Function, Interface, World

__all__ = ["Claims", "Explicit", "explicit_in", "full_name", "same_name", "shared_fault", "unseen_exports"]


@dataclass(frozen=True, slots=True)
class Explicit:
    """Something that bears `@export`, and what it says it implements."""

    module: ScannedModule
    name: str
    mark: MarkRecord
    function: AppFunction | None
    class_: Class | None

    @property
    def id(self) -> int:
        """The same for the same function or class."""
        found = self.function or self.class_
        assert found is not None
        return found.id


class Claims:
    """The `@export` marks of an app, and what each of them is for. Faults go to `faults`."""

    def __init__(
        self,
        world: World,
        world_classes: tuple[str, ...],
        app: ScannedModule | None,
        scan: Scan,
        faults: list[Fault],
    ) -> None:
        self._world = world
        self._world_classes = world_classes
        self._faults = faults
        self._used: set[int] = set()
        self._functions: dict[tuple[str | None, str], Explicit] = {}
        self._classes: dict[tuple[str | None, str], Explicit] = {}
        # The app's own module first: what it names is found there rather than where it is defined.
        modules = sorted(scan.modules.values(), key=lambda module: module is not app)
        self._explicit = list(explicit_in(modules))
        for each in self._explicit:
            self._claim(each)

    def function(self, interface: Interface, function: Function) -> Explicit | None:
        """What claims a function."""
        return self._take(self._functions.get((interface.id, function.export)))

    def resource(self, interface: Interface, name: str) -> Explicit | None:
        """What claims a resource, or with "" an interface or the world's own functions as a whole."""
        return self._take(self._classes.get((interface.id, name)))

    def has_function(self, interface: Interface, function: Function) -> bool:
        """Whether anything claims a function."""
        return (interface.id, function.export) in self._functions

    def use(self, function: AppFunction) -> None:
        """Note that a function was found by its name, so that a mark on it was good for something."""
        self._used.add(function.id)

    def _take(self, found: Explicit | None) -> Explicit | None:
        if found is not None:
            self._used.add(found.id)
        return found

    def found_by_name(self) -> frozenset[int]:
        """What `use` was told of."""
        return frozenset(self._used)

    def leftover(self) -> Iterator[Fault]:
        """Marks of `@export` that no export of the world answers to."""
        known = [name for interface in self._world.exports for name in _spellings(interface)]
        for each in self._explicit:
            if each.id in self._used:
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

    def _claim(self, each: Explicit) -> None:
        """Note what an `@export` is for; a bare one only has to match something by name."""
        wanted = each.mark.arguments["name"]
        if each.class_ is not None:
            self._claim_class(each, wanted)
            return
        for interface, function in self._meant(wanted, each.name):
            key = (interface.id, function.export)
            before = self._functions.setdefault(key, each)
            if before is not each:
                self._used.add(each.id)
                self._faults.append(
                    Fault(
                        "DSL205",
                        f"{each.name} and {before.name} both implement {full_name(interface, function.name)}",
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
            return by_name if len(by_name) == 1 else self._noteshared_fault(by_name, python)
        text = str(wanted)
        interface_name, _, function_name = text.rpartition("#") if "#" in text else ("", "", text)
        if interface_name or text.startswith("#"):
            return [
                pair
                for pair in everything
                if _is_called(pair[0], interface_name) and same_name(pair[1].name, function_name)
            ]
        of_interface = [
            pair for pair in everything if _is_called(pair[0], text) and python_name(pair[1].name) == python
        ]
        by_name = [pair for pair in everything if same_name(pair[1].name, text)]
        return of_interface or (by_name if len(by_name) == 1 else [])

    def _noteshared_fault(
        self, pairs: list[tuple[Interface, Function]], python: str
    ) -> list[tuple[Interface, Function]]:
        for each in self._explicit:
            if pairs and each.name == python and each.mark.arguments["name"] is None:
                self._used.add(each.id)
                self._faults.append(shared_fault(pairs, python, each.mark.file, each.mark.line))
        return []

    def _claim_class(self, each: Explicit, wanted: object) -> None:
        text = each.name if wanted is None else str(wanted)
        interface_name, _, last = text.rpartition("#") if "#" in text else ("", "", text)
        for interface in self._world.exports:
            fits = not interface_name or _is_called(interface, interface_name)
            for resource in interface.resources:
                if fits and (same_name(resource, last) or camel(resource) == last):
                    self._classes.setdefault((interface.id, resource), each)
            if not interface_name and (_is_called(interface, text) or camel(interface.name or "-") == text):
                self._classes.setdefault((interface.id, ""), each)
            if interface.id is None and text in self._world_classes:
                self._classes.setdefault((None, ""), each)


def explicit_in(modules: list[ScannedModule]) -> Iterator[Explicit]:
    """Everything that bears `@export`, once each, by modules in their order."""
    seen: set[int] = set()
    for module in modules:
        for name, last in module.functions.items():
            for function in _definitions(last):
                for mark in function.marks:
                    if mark.kind == "export" and function.id not in seen:
                        seen.add(function.id)
                        yield Explicit(module, name, mark, function, None)
        for name, found in module.classes.items():
            if found.export is not None and found.id not in seen:
                seen.add(found.id)
                yield Explicit(module, name, found.export, None, found)


def unseen_exports(scan: Scan, found: frozenset[int] = frozenset()) -> Iterator[Fault]:
    """Marks of `@export` that would go without a word: below decorators of others, or on what no name stands for.

    `found` are functions that are exports all the same.
    """
    for module in scan.modules.values():
        for name, function in module.functions.items():
            if function.hidden is not None and function.id not in found:
                message = f"@export on {name} stands below a decorator of others, where the build does not see it"
                yield Fault("DSL615", message, function.hidden.file, function.hidden.line, "put @export at the top")
    for mark in scan.unmet:
        message = "@export on something that no name of a module stands for"
        hint = (
            "bind what @export gives to a name at the top of a module, as in place = export(place); a property, or a "
            "function in a function, is no export"
        )
        yield Fault("DSL615", message, mark.file, mark.line, hint)


def _definitions(last: AppFunction) -> list[AppFunction]:
    """A function and the exported ones that had its name before, in order of definition."""
    found = [last]
    while (before := found[-1].shadowed) is not None:
        found.append(before)
    return found[::-1]


def shared_fault(pairs: list[tuple[Interface, Function]], name: str, file: str | None, line: int | None) -> Fault:
    """The fault that a name may mean several exports."""
    names = " and ".join(full_name(interface, function.name) for interface, function in pairs)
    example = pairs[0][0].name or pairs[-1][0].name
    return Fault(
        "DSL206",
        f"{name} may be {names}",
        file,
        line,
        hint=f'say which: @export("{example}"), or @export("{example}#{pairs[0][1].name}") under another name',
    )


def full_name(interface: Interface, function: str) -> str:
    """`orders#place`, or just the name for a function of the world."""
    return f"{interface.name}#{function}" if interface.name else function


def same_name(wit: str, given: str) -> bool:
    """Whether `given` is a WIT name, or the Python name for it."""
    return wit == given or python_name(wit) == given


def _is_called(interface: Interface, name: str) -> bool:
    """Whether `name` is a way to name the interface: in short, in full, with or without version."""
    if interface.id is None:
        return name == ""
    return name in {interface.id, interface.id.partition("@")[0]} or same_name(interface.name, name)


def _spellings(interface: Interface) -> list[str]:
    names = [full_name(interface, function.name) for function in interface.functions if function.resource is None]
    return [*names, *(full_name(interface, resource) for resource in interface.resources)]
