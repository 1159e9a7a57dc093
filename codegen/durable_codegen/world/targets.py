"""Targets: host API profiles of Golem that a component can be built for.

A target says which version of golem:api the component imports, what its host can do, and which servers run the
result. A world that imports golem:api itself chooses the target; a chosen target that says otherwise is a fault. New
targets are rows of `TARGETS`: nothing else asks for a target by its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from durable_codegen.faults import BuildFailed, Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from durable_codegen.world.model import World

__all__ = ["DEFAULT_TARGET", "TARGETS", "Target", "choose_target", "target_for_version", "target_named"]


@dataclass(frozen=True, slots=True)
class Target:
    """A host API profile; `series` is the part of golem:api's version that stands for it."""

    name: str
    version: str
    series: str
    has_jitter: bool
    has_trap: bool
    servers: str
    #: Golem forgets the count of retries at each repeat of an atomic region.
    forgets_retries: bool
    #: Golem from 1.2.2 on fails a worker that replays a side effect of a persist-nothing region.
    persist_nothing_changed: bool
    #: Package → version, for what the build may import beside golem:api and WASI.
    packages: Mapping[str, str]
    #: Function of the host → the version of golem:api that brought it; a component that uses it imports that one.
    later: Mapping[str, str] = field(default_factory=dict)
    #: Function of the host → the first server that has it, where that is not the target's first.
    hosted_from: Mapping[str, str] = field(default_factory=dict)

    def with_functions(self, words: Collection[str]) -> Target:
        """The target with the lowest version that has those of the functions which it can have at all."""
        versions = [version for name, version in self.later.items() if name in words]
        newest = max(versions, key=lambda version: [int(part) for part in version.split(".")], default=self.version)
        return self if newest == self.version else replace(self, version=newest)

    @property
    def host(self) -> str:
        """The interface that is imported, as it is written in WIT."""
        return f"golem:api/host@{self.version}"


_GOLEM_1_1 = Target(
    name="golem-1.1",
    version="1.1.0",
    series="1.1",
    has_jitter=True,
    has_trap=False,
    servers="Golem 1.1.8 to 1.2.x",
    forgets_retries=True,
    persist_nothing_changed=True,
    packages={"golem:rpc": "0.1.0"},
    later={"poll-promise": "1.1.5"},
    hosted_from={"poll-promise": "1.1.19"},
)

TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target(
            name="golem-1.0",
            version="0.2.0",
            series="0.2",
            has_jitter=False,
            has_trap=False,
            servers="Golem 1.1.8 to 1.1.26",
            forgets_retries=True,
            persist_nothing_changed=False,
            packages={"golem:rpc": "0.1.0"},
        ),
        _GOLEM_1_1,
        replace(
            _GOLEM_1_1,
            name="golem-1.2",
            servers="Golem 1.2.0 to 1.2.5",
            packages={"golem:rpc": "0.2.0"},
            hosted_from={},
        ),
    )
}

DEFAULT_TARGET = TARGETS["golem-1.0"]

_SERIES = re.compile(r"(\d+\.\d+)\.\d+")


def target_named(name: str) -> Target:
    """The target of that name; an unknown one is a fault that lists them all."""
    try:
        return TARGETS[name]
    except KeyError:
        known = ", ".join(f"{target.name} ({target.servers})" for target in TARGETS.values())
        raise BuildFailed([Fault("DSL106", f'there is no target "{name}"', hint=f"The targets are {known}.")]) from None


def target_for_version(version: str) -> Target | None:
    """The target whose components import that version of golem:api, the one with the most servers if several do."""
    if (match := _SERIES.fullmatch(version)) is None:
        return None
    return next((target for target in TARGETS.values() if target.series == match[1]), None)


def choose_target(world: World, requested: str | None) -> Target:
    """The target of a build: what the world's own use of golem:api says, else what was asked for, else the default.

    Exports alone, such as `golem:api/save-snapshot@1.1.0`, choose only where nothing was asked for: servers look for
    them under every version that they know.
    """
    asked = None if requested is None else target_named(requested)
    if world.golem_api is None:
        exported = None if world.golem_api_exported is None else target_for_version(world.golem_api_exported)
        return asked or exported or DEFAULT_TARGET
    chosen = target_for_version(world.golem_api)
    if chosen is None:
        raise BuildFailed([_unknown_version(world, world.golem_api)])
    if asked is not None and asked.series != chosen.series:
        raise BuildFailed([_conflict(world, world.golem_api, asked, chosen)])
    return asked or chosen


def _unknown_version(world: World, version: str) -> Fault:
    file, line = world.place_of_import("golem:api/")
    known = ", ".join(f"{target.series}.x ({target.name})" for target in TARGETS.values())
    return Fault(
        "DSL107",
        f"no target has golem:api@{version}, which the world {world.name} imports",
        file,
        line,
        hint=f"The versions that can be built for are {known}.",
    )


def _conflict(world: World, version: str, asked: Target, chosen: Target) -> Fault:
    file, line = world.place_of_import("golem:api/")
    return Fault(
        "DSL107",
        f"the world {world.name} imports golem:api@{version}, which is the target {chosen.name}, not {asked.name}",
        file,
        line,
        hint=f"Drop the target, or import golem:api/host@{asked.version} in the world, or drop the import: "
        "the build adds what is needed.",
    )
