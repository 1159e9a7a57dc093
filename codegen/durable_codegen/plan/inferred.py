"""Which function of the app an export of an inferred world is: the one that it was inferred from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_codegen.plan.matching import Implementation
from durable_codegen.plan.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.discovery.scan import Class, Scan
    from durable_codegen.faults import Fault
    from durable_codegen.infer.world import Inferred, InferredFunction
    from durable_codegen.world.model import Function, Interface, World

__all__ = ["InferredMatcher"]


class InferredMatcher:
    """The `Matcher` of a world that was inferred: everything in it comes from something, but for snapshots."""

    def __init__(self, inferred: Inferred, world: World, scan: Scan, faults: list[Fault]) -> None:
        self._inferred = inferred
        self._snapshots = Snapshots(scan, world, faults)
        self._keys = {name: key for key, name in inferred.shapes.names.items() if key in inferred.resources()}

    def inferred(self, interface: Interface, function: Function) -> InferredFunction | None:
        """What an export was inferred from; None for one that a mark has added to the world."""
        if self._snapshots.function(interface) is not None:
            return None
        owner = None if function.resource is None else self._keys[function.resource]
        name = "__init__" if function.kind == "constructor" else function.name
        return next(each for each in self._inferred.functions if (each.owner, each.name) == (owner, name))

    def function(self, interface: Interface, function: Function, name: str) -> Implementation | Fault | None:  # noqa: ARG002 - as Matcher has it
        marked = self._snapshots.function(interface)
        if marked is not None:
            found = marked.function
            place = found.file or marked.module.file, marked.mark.line
            return Implementation(marked.module.name, None, marked.name, "function", found, *place, layout=True)
        inferred = self.inferred(interface, function)
        return None if inferred is None else _implementation(inferred)

    def resource(self, interface: Interface, name: str) -> Class | None:  # noqa: ARG002 - as above
        return self._inferred.resources()[self._keys[name]].class_

    def method(self, owner: Class, function: Function, name: str) -> Implementation | None:  # noqa: ARG002 - as above
        key = self._keys[function.resource or ""]
        name = "__init__" if function.kind == "constructor" else function.name
        return next(_implementation(each) for each in self._inferred.of_resource(key) if each.name == name)

    def interface_class(self, interface: Interface) -> Class | None:  # noqa: ARG002 - functions are functions here
        return None

    def place_of_class(self, owner: Class) -> tuple[str | None, int | None]:
        found = next(each for each in self._inferred.resources().values() if each.class_ is owner)
        return found.mark.file, found.mark.line

    def found_by_name(self) -> frozenset[int]:
        """None: a name alone exports nothing here."""
        return frozenset()

    def leftover_exports(self) -> Iterator[Fault]:
        """Every mark has become an export."""
        return iter(())


def _implementation(found: InferredFunction) -> Implementation:
    explicit = found.explicit
    if explicit.class_ is None:
        return Implementation(
            explicit.module.name, None, found.python, "function", found.scanned, found.file, found.line, layout=True
        )
    overridden = found.scanned is not None and found.scanned.is_overridden
    if found.kind == "constructor":
        # Whatever makes the objects is called through the class, and calls what bears the marks.
        overridden = explicit.class_.maker != "__init__"
    return Implementation(
        explicit.module.name,
        explicit.class_.name,
        found.python,
        "resource",
        found.scanned,
        found.file,
        found.line,
        at_run_time=overridden,
        layout=True,
    )
