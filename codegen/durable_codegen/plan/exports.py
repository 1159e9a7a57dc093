"""The plan: for each export of the world what implements it, which marks are compiled around it, and what is wrong.

The plan is neutral: it knows regions by their kind and leaves to the emitter how a target spells them. It is made from
the world, the scan of the app and the bindings; all faults of all exports come out together.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from durable_codegen.app.usage import Usage
from durable_codegen.faults import BuildFailed, Fault, errors_in
from durable_codegen.plan.checks import (
    check_constructible,
    check_implementation,
    functions_of,
    mark_faults,
    missing_fault,
    raises_faults,
    source_faults,
)
from durable_codegen.plan.inferred import InferredMatcher
from durable_codegen.plan.matching import Implementation, Matcher
from durable_codegen.plan.promises import promise_faults
from durable_codegen.plan.snapshots import SNAPSHOT
from durable_codegen.world.explicit import unseen_exports

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from durable_codegen.app.modules import Module
    from durable_codegen.discovery.scan import Class, MarkRecord, Scan
    from durable_codegen.discovery.scan import Function as AppFunction
    from durable_codegen.infer.world import Inferred, InferredFunction
    from durable_codegen.world.model import Function, Interface, World
    from durable_codegen.world.stubs import ClassStub, MethodStub, Stubs
    from durable_codegen.world.targets import Target

__all__ = ["Plan", "PlannedFunction", "PlannedInterface", "PlannedResource", "make_plan"]

Calling = Literal["plain", "async", "either"]


@dataclass(frozen=True, slots=True)
class PlannedFunction:
    """An export: its WIT function, the method that componentize-py calls, and what that method has to do.

    `regions` are the marks that are compiled, outermost first. `calling` says whether the implementation is async;
    "either" is one whose decorators hide it. `inferred` is what the export was inferred from, if it was.
    """

    function: Function
    stub: MethodStub
    implementation: Implementation
    regions: tuple[MarkRecord, ...]
    calling: Calling
    file: str | None
    line: int | None
    inferred: InferredFunction | None = None


@dataclass(frozen=True, slots=True)
class PlannedResource:
    """An exported resource and the app's class for it."""

    name: str
    stub: ClassStub
    implementation: Class
    functions: tuple[PlannedFunction, ...]


@dataclass(frozen=True, slots=True)
class PlannedInterface:
    """An exported interface, or the world's own functions (`id` None)."""

    interface: Interface
    stub: ClassStub | None
    functions: tuple[PlannedFunction, ...]
    resources: tuple[PlannedResource, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that the emitter needs to know; `faults` holds warnings and notes only."""

    world: World
    target: Target
    module: str
    interfaces: tuple[PlannedInterface, ...]
    #: Whether a retry region may be entered at run time, which can leave a policy pending.
    retries_at_run_time: bool
    faults: tuple[Fault, ...]
    #: What the world was inferred from, if there is no WIT.
    inferred: Inferred | None = None

    def functions(self) -> Iterable[tuple[PlannedInterface, PlannedFunction]]:
        """All exports in the order of the world."""
        for each in self.interfaces:
            for function in each.functions:
                yield each, function
            for resource in each.resources:
                for function in resource.functions:
                    yield each, function


def make_plan(
    world: World,
    target: Target,
    module: str,
    scan: Scan,
    stubs: Stubs,
    sources: Mapping[str, Module],
    inferred: Inferred | None = None,
) -> Plan:
    """Match, check and put together. Raises BuildFailed with all faults if any of them is an error."""
    planner = _Planner(world, module, scan, stubs, sources, inferred)
    interfaces = tuple(planner.interface(each) for each in world.exports)
    faults = [*scan.faults, *planner.faults, *planner.matcher.leftover_exports()]
    faults += source_faults(sources.values(), target)
    faults += mark_faults(scan, target)
    if inferred is None:
        faults += raises_faults(scan)
        faults += unseen_exports(scan, planner.matcher.found_by_name())
    faults += promise_faults(sources.values(), world.golem_api or target.version, target)
    if errors_in(faults):
        raise BuildFailed(faults)
    plan = Plan(world, target, module, interfaces, False, tuple(faults), inferred)
    return replace(plan, retries_at_run_time=_retries(plan, scan, sources), faults=(*faults, *_notes(plan)))


class _Planner:
    def __init__(
        self,
        world: World,
        module: str,
        scan: Scan,
        stubs: Stubs,
        sources: Mapping[str, Module],
        inferred: Inferred | None,
    ) -> None:
        self.world = world
        self.stubs = stubs
        self.faults: list[Fault] = []
        self.matcher: Matcher | InferredMatcher
        if inferred is None:
            self.matcher = Matcher(world, module, scan, stubs, sources, self.faults)
        else:
            self.matcher = InferredMatcher(inferred, world, scan, self.faults)
        self._app_file = sources[module].file if module in sources else module

    def interface(self, interface: Interface) -> PlannedInterface:
        stub = self.stubs.world_class() if interface.id is None else self.stubs.interface_class(interface.id)
        freestanding = [each for each in interface.functions if each.resource is None]
        if stub is None and freestanding:
            self.faults.append(self._inline(interface))
            return PlannedInterface(interface, None, (), ())
        owner = self.matcher.interface_class(interface)
        if owner is not None:
            self.faults += check_constructible(owner, *self.matcher.place_of_class(owner))
        functions = [self._function(interface, each, stub) for each in freestanding]
        resources = [self._resource(interface, each) for each in interface.resources]
        return PlannedInterface(interface, stub, tuple(filter(None, functions)), tuple(filter(None, resources)))

    def _inline(self, interface: Interface) -> Fault:
        """componentize-py has no bindings for an interface that the world declares within itself."""
        return Fault(
            "DSL109",
            f"the world {self.world.name} exports the interface {interface.name}, which it declares itself",
            *self.world.place_of(interface),
            hint=f"declare it outside of the world (interface {interface.name} {{ … }}) and export it by its name",
        )

    def _resource(self, interface: Interface, name: str) -> PlannedResource | None:
        assert interface.id is not None, "the world itself exports no resources"
        stub = self.stubs.resource_class(interface.id, name)
        found = self.matcher.resource(interface, name)
        own = [each for each in interface.functions if each.resource == name]
        if stub is None or found is None:
            place = self.world.place_of_resource(interface, name)
            self.faults.append(missing_fault(self._app_file, place, interface, name, stub, own))
            return None
        functions = [self._method(interface, each, stub, found) for each in own]
        return PlannedResource(name, stub, found, tuple(filter(None, functions)))

    def _function(self, interface: Interface, function: Function, stub: ClassStub | None) -> PlannedFunction | None:
        method = None if stub is None else stub.method_of(function)
        found = self.matcher.function(interface, function, method.name if method else function.name)
        if isinstance(found, Fault):
            self.faults.append(found)
            return None
        if found is None or method is None:
            place = self.world.place_of(interface, function)
            owner = self.matcher.interface_class(interface)
            name = owner.name if owner else None
            self.faults.append(missing_fault(self._app_file, place, interface, name, stub, [function]))
            return None
        return self._planned(interface, function, method, found)

    def _method(
        self, interface: Interface, function: Function, stub: ClassStub, owner: Class
    ) -> PlannedFunction | None:
        method = stub.method_of(function)
        assert method is not None, f"{stub.name} has no {function.name}"
        found = self.matcher.method(owner, function, method.name)
        if found is None:
            place = self.world.place_of(interface, function)
            self.faults.append(missing_fault(self._app_file, place, interface, owner.name, stub, [function]))
            return None
        return self._planned(interface, function, method, found)

    def _planned(
        self, interface: Interface, function: Function, method: MethodStub, found: Implementation
    ) -> PlannedFunction:
        inferred = self.matcher.inferred(interface, function) if isinstance(self.matcher, InferredMatcher) else None
        if inferred is None:
            self.faults += check_implementation(function, method, found)
        callable_ = found.function
        regions = () if callable_ is None or found.at_run_time else callable_.marks
        calling: Calling = "plain"
        if callable_ is not None and callable_.is_async:
            calling = "async"
        elif callable_ is not None and callable_.may_be_async:
            calling = "either"
        compiled = tuple(mark for mark in regions if mark.kind not in {"export", SNAPSHOT})
        return PlannedFunction(function, method, found, compiled, calling, found.file, found.line, inferred)


def _retries(plan: Plan, scan: Scan, sources: Mapping[str, Module]) -> bool:
    """Whether `retry` is used anywhere but in the marks that are compiled; what cannot be told counts.

    One line may mark many functions, exports and others, and in a helper it may do so at any time.
    """
    exports = {
        _identity(each.implementation.function)
        for _, each in plan.functions()
        if each.implementation.function is not None and each.regions
    }
    marked = [
        (mark.file, mark.line, _identity(function) in exports)
        for function in functions_of(scan)
        for mark in function.marks
        if mark.kind == "retry"
    ]
    compiled = {(file, line) for file, line, _ in marked} - {(file, line) for file, line, found in marked if not found}
    compiled -= {(source.file, line) for source in sources.values() for line in Usage(source).late_lines()}
    usages = [(source, Usage(source)) for source in sources.values()]
    if any("retry" in usage.words() and (source.root.kind != "app" or usage.is_vague) for source, usage in usages):
        return True
    return any((source.file, line) not in compiled for source, usage in usages for line in usage.places("retry"))


def _identity(function: AppFunction) -> tuple[str, object]:
    """The same for the same function; a method is that of each class that inherits it."""
    return (function.name, function.id) if function.id >= 0 else (function.name, function.defined)


def _notes(plan: Plan) -> Iterable[Fault]:
    """What a reader should know of the target, once per build."""
    kinds = Counter(region.kind for _, function in plan.functions() for region in function.regions)
    if plan.target.forgets_retries and kinds["atomic"]:
        yield Fault(
            "DSL120",
            f"{plan.target.name}: Golem servers before 1.3 forget the count of retries at each repeat of an atomic "
            "region; one that always fails repeats for ever, min_delay apart, until the worker is deleted",
            severity="note",
        )
    levels = [
        region.arguments["level"]
        for _, function in plan.functions()
        for region in function.regions
        if region.kind == "persist"
    ]
    if plan.target.persist_nothing_changed and "persist-nothing" in levels:
        yield Fault(
            "DSL121",
            f"{plan.target.name}: from Golem 1.2.2 on a worker fails when it replays a side effect of a "
            "persist-nothing region; before, the region was run again",
            severity="note",
        )
    for function, server in plan.target.hosted_from.items():
        if plan.world.golem_api is None and plan.target.version == plan.target.later[function]:
            yield Fault(
                "DSL123",
                f"{plan.target.name}: the component imports {plan.target.host} for {function}, which Golem has from "
                f"{server} on: it does not load on older servers of the target ({plan.target.servers})",
                severity="note",
            )
    for name in ("wasi:keyvalue/atomic", "wasi:keyvalue/cache"):
        file, line = plan.world.place_of_import(name)
        if file is not None:
            yield Fault(
                "DSL122",
                f"the world {plan.world.name} imports {name}, whose functions no Golem server has: calling one is a "
                "panic there, and a failure of the worker in the embedded engine",
                file,
                line,
                severity="note",
            )
