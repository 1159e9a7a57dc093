"""The marks `@save_snapshot` and `@load_snapshot`: the two interfaces that they add to the world, and what is wrong.

Golem looks for the exports under the versions that it knows, so these are those of the target, whatever version of the
host the component imports beside them. A world that exports an interface itself keeps it; the mark then says which
function implements it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from durable_codegen.app.usage import Usage
from durable_codegen.faults import Fault
from durable_codegen.source.names import InterfaceId
from durable_codegen.world.model import Function, Interface, Param

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from durable_codegen.app.modules import Module
    from durable_codegen.discovery.scan import Function as AppFunction
    from durable_codegen.discovery.scan import MarkRecord, Scan, ScannedModule
    from durable_codegen.world.model import World
    from durable_codegen.world.targets import Target

__all__ = [
    "HELPERS",
    "SNAPSHOT",
    "Marked",
    "Snapshots",
    "added_exports",
    "mentions_snapshots",
    "saves_state",
    "with_snapshots",
]

#: The kind of both marks.
SNAPSHOT: Final = "snapshot"
#: Part → what makes the export of a marked function, in durable_dsl.snapshots.
HELPERS: Final = {"save": "saving", "load": "loading"}

_PACKAGE: Final = "golem:api"
_WORDS: Final = frozenset({"save_snapshot", "load_snapshot"})
_PARAMETERS: Final = {"save": 0, "load": 1}
_FUNCTIONS: Final = {
    "save": Function("save", "save", "freestanding", None, (), "list<u8>", fallible=False, docs=""),
    "load": Function(
        "load", "load", "freestanding", None, (Param("bytes", "list<u8>"),), "result<_, string>", fallible=True, docs=""
    ),
}


@dataclass(frozen=True, slots=True)
class Marked:
    """A function of the app that bears one of the marks."""

    module: ScannedModule
    name: str
    function: AppFunction
    mark: MarkRecord


def mentions_snapshots(modules: Iterable[Module]) -> bool:
    """A guess before the scan: does any module use one of the marks?"""
    return any(_WORDS & Usage(module).words() for module in modules)


def with_snapshots(world: World, target: Target) -> World:
    """The world with both interfaces among its exports; those that it has already, in whatever version, are kept."""
    own = {part for part in _FUNCTIONS if any(_is(interface, part) for interface in world.exports)}
    added = tuple(
        Interface(f"{_PACKAGE}/{part}-snapshot@{target.version}", f"{part}-snapshot", (function,), ())
        for part, function in _FUNCTIONS.items()
        if part not in own
    )
    return replace(world, exports=(*world.exports, *added))


def added_exports(world: World, plain: World) -> tuple[str, ...]:
    """The interfaces that `with_snapshots` added."""
    return tuple(each.id for each in world.exports if each.id is not None and each not in plain.exports)


def saves_state(world: World) -> bool:
    """Whether what is built for this world can save its state and load it."""
    return all(any(_is(each, part) for each in world.exports) for part in _FUNCTIONS)


class Snapshots:
    """The marked functions of an app. Faults go to `faults`."""

    def __init__(self, scan: Scan, world: World, faults: list[Fault]) -> None:
        self._marked: dict[str, Marked] = {}
        for part, each in _find(scan):
            before = self._marked.setdefault(part, each)
            if before is not each:
                faults.append(_twice(each, before))
        self.faults = faults
        faults += [_fault for part, each in self._marked.items() if (_fault := _signature_fault(part, each))]
        faults += _on_methods(scan)
        present = {*self._marked, *(part for part in _FUNCTIONS if any(_is(each, part) for each in world.exports))}
        for part, each in self._marked.items():
            other = "load" if part == "save" else "save"
            if other not in present:
                faults.append(_alone(each, other))

    def marked_exports(self, world: World, plain: World) -> World:
        """The world with the added exports for which there is a mark, and without the others."""
        added = set(added_exports(world, plain))
        kept = [each for each in world.exports if each.id not in added or self.function(each) is not None]
        return world if len(kept) == len(world.exports) else replace(world, exports=tuple(kept))

    def without_marked(self, world: World) -> World:
        """The world without the exports for which there is a mark: nothing else is meant by their names."""
        return replace(world, exports=tuple(each for each in world.exports if self.function(each) is None))

    def function(self, interface: Interface) -> Marked | None:
        """The function that is marked as the implementation of an interface."""
        return next((each for part, each in self._marked.items() if _is(interface, part)), None)


def _is(interface: Interface, part: str) -> bool:
    return interface.id is not None and InterfaceId.parse(interface.id).unversioned == f"{_PACKAGE}/{part}-snapshot"


def _find(scan: Scan) -> Iterable[tuple[str, Marked]]:
    seen: set[int] = set()
    for module in scan.modules.values():
        for name, function in module.functions.items():
            for mark in function.marks:
                if mark.kind == SNAPSHOT and function.id not in seen:
                    seen.add(function.id)
                    yield str(mark.arguments["part"]), Marked(module, name, function, mark)


def _on_methods(scan: Scan) -> Iterable[Fault]:
    marks: Mapping[tuple[str, int, str], tuple[str, MarkRecord]] = {
        (mark.file, mark.line, name): (name, mark)
        for module in scan.modules.values()
        for owner in module.classes.values()
        for name, method in owner.methods.items()
        for mark in method.marks
        if mark.kind == SNAPSHOT
    }
    for name, mark in marks.values():
        yield Fault(
            "DSL712",
            f"@{mark.word} on {name}, which is a method",
            mark.file,
            mark.line,
            hint="a snapshot is of the whole worker: mark a function of a module",
        )


def _signature_fault(part: str, each: Marked) -> Fault | None:
    function, wanted = each.function, _PARAMETERS[part]
    shape = "def save() -> bytes" if part == "save" else "def load(data: bytes) -> None"
    problem = None
    if function.is_async or function.may_be_async:
        problem = "is async: nothing is recorded while it runs, so it has nothing to wait for"
    elif function.is_generator:
        problem = "is a generator"
    elif function.parameters is not None:
        required = [one for one in function.parameters if not one.has_default and not one.kind.startswith("VAR_")]
        positional = [one for one in function.parameters if one.kind != "KEYWORD_ONLY"]
        if len(required) > wanted or len(positional) < wanted or any(one.kind == "KEYWORD_ONLY" for one in required):
            count = f"{len(required)} parameter{'' if len(required) == 1 else 's'}"
            problem = f"takes {count}, not {wanted or 'none'}"
    if problem is None and each.mark.arguments["problem"] is not None:
        problem = f"has a state that cannot be carried over: {each.mark.arguments['problem']}"
    if problem is None:
        return None
    return Fault("DSL712", f"{each.name} {problem}", each.mark.file, each.mark.line, hint=f"@{each.mark.word}\n{shape}")


def _twice(each: Marked, before: Marked) -> Fault:
    return Fault(
        "DSL712",
        f"{each.name} and {before.name} are both marked @{each.mark.word}",
        each.mark.file,
        each.mark.line,
        hint=f"a component has one; the other is at {before.mark.file}:{before.mark.line}",
    )


def _alone(each: Marked, other: str) -> Fault:
    need = (
        "what is saved has to be loaded by the next build"
        if other == "load"
        else "an update away from this build has to save what it did"
    )
    return Fault(
        "DSL711",
        f"@{each.mark.word} without @{other}_snapshot",
        each.mark.file,
        each.mark.line,
        hint=f"mark a function with @{other}_snapshot too: {need}",
    )
