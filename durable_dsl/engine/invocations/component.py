"""A component ready to run in a data directory: compiled, linked, with what its build wrote about it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.bridge.imports import ImportSet
from durable_dsl.engine.invocations.indexed import indexed
from durable_dsl.engine.traps import UnknownExport

if TYPE_CHECKING:
    from pathlib import Path

    from durable_dsl.engine.bridge.component import Component
    from durable_dsl.engine.bridge.imports import Lookup
    from durable_dsl.engine.directory.catalogue import Build
    from durable_dsl.engine.failures.guest_errors import Roots
    from durable_dsl.engine.wit.exports import Export
    from durable_dsl.engine.wit.types import FunctionType


def build_facts(component: Component) -> dict[str, Any] | None:
    """What `durable-dsl build` wrote into the component; None for a foreign one."""
    return component.facts


def name_of(path: Path, facts: dict[str, Any] | None) -> str:
    """A component's name: what its project says, else its file's stem."""
    return str((facts or {}).get("name") or path.stem)


class LoadedComponent:
    """One build of a component. `name` and `version` are the data directory's, `hash` is its content's."""

    def __init__(self, component: Component, build: Build, lookup: Lookup) -> None:
        self._component = component
        #: What implements its imports.
        self.lookup = lookup
        self.build = build
        self._resolved: dict[str, Export] = {}

    def __repr__(self) -> str:
        return f"<LoadedComponent {self.name} version {self.version}>"

    @property
    def name(self) -> str:
        return self.build.component

    @property
    def id(self) -> str:
        return self.build.component_id

    @property
    def version(self) -> int:
        return self.build.version

    @property
    def hash(self) -> str:
        return self.build.hash

    @property
    def exports(self) -> tuple[Export, ...]:
        return self._component.exports

    def resolve(self, name: str) -> Export:
        """The export that a name means, the indexed form of resources included; raises UnknownExport."""
        found = self._resolved.get(name)
        if found is None:
            try:
                found = (indexed(self._component, name) if ")." in name else None) or self._component.resolve(name)
            except UnknownExport as unknown:
                functions: dict[str, str] = (self.facts or {}).get("functions", {})
                defined = functions.get(name.rpartition("#")[2].replace("-", "_"))
                if unknown.ambiguous or defined is None:
                    raise
                raise UnknownExport(unknown.name, unknown.candidates, ambiguous=False, defined=defined) from None
            self._resolved[name] = found
        return found

    @cached_property
    def has_resources(self) -> bool:
        """Whether its exports give out resources."""
        return any(export.dropped is not None for export in self.exports)

    def imported_type(self, interface: str, function: str) -> FunctionType | None:
        """The type of an imported function, by the interface's name without version."""
        for one in self._component.imports:
            if one.name == interface and function in one.functions:
                return one.type_of(function)
        return None

    @cached_property
    def facts(self) -> dict[str, Any] | None:
        return build_facts(self._component)

    def line_of(self, export: str) -> str | None:
        """Where an export stands in the source, as far as its build says: "orders.py:12 (place)"."""
        exports: list[dict[str, Any]] = (self.facts or {}).get("exports", [])
        found = next((one for one in exports if one["name"] == export), None)
        if found is None:
            return None
        return f"{found['file']}:{found['line']} ({export.rpartition('#')[2].rpartition('.')[2]})"

    @property
    def roots(self) -> Roots | None:
        """Where guest paths belong; None for a foreign component."""
        return None if self.facts is None else self.facts.get("roots")

    @cached_property
    def imports(self) -> ImportSet:
        """The linked imports, shared by all instances."""
        return ImportSet(self._component, self.lookup)

    def linked_to(self, lookup: Lookup) -> LoadedComponent:
        """The same component with other implementations of its imports."""
        return LoadedComponent(self._component, self.build, lookup)
