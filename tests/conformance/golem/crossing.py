"""Components, and how values cross into them and back: the one thing that is the embedded engine's."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.bridge.calls import Instance
from durable_dsl.engine.bridge.component import load
from durable_dsl.engine.bridge.imports import ImportSet
from durable_dsl.engine.directory.cache import user_cache
from durable_dsl.engine.traps import GuestTrap
from tests.components import alone
from tests.conformance.golem.host import FUNCTIONS, not_offered

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from durable_dsl.engine.bridge.component import Component
    from durable_dsl.engine.wit.exports import Export

__all__ = ["GuestTrap", "Instance", "component_of", "export_of"]

for _module in ("api", "local", "requests", "responses", "streams"):
    importlib.import_module(f"tests.conformance.golem.{_module}")


@cache
def component_of(path: Path) -> tuple[Component, ImportSet]:
    """The component in a file, compiled once, and its imports as this host answers them."""
    with alone(path.with_suffix(".compiling")):
        component = load(path, user_cache())
    return component, ImportSet(component, _lookup)


def export_of(component: Component, name: str) -> Export:
    return component.resolve(name)


def _lookup(interface: str, function: str, version: str) -> Callable[..., Any] | None:
    own = FUNCTIONS.get((interface, f"{function}@{version.partition('.')[0]}"))
    if own is not None:
        return own
    if function.startswith("[resource-drop]"):
        return FUNCTIONS.get((interface, function))
    return FUNCTIONS.get((interface, function)) or not_offered(f"{interface}#{function}")
