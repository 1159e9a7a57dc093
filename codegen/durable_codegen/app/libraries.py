"""Libraries that an app brings with it, or that Python has: what puts them on the host's means in the guest.

Nothing of them is changed. A generated module, imported before anything of the app, tells each library that the app
can reach where its requests go: http.client its sockets, urllib3 its connections, httpx its transports. All of them
import `ssl`, which the guest's Python does not have: a stand-in takes its place wherever it is imported. What
importlib.metadata and importlib.resources would read of packages is kept in the component. asyncio makes event loops
that wait with the host.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_codegen.app.modules import Module

__all__ = [
    "GENERATED",
    "HTTP_LIBRARIES",
    "imported_modules",
    "imports_asyncio",
    "libraries_in_use",
    "reads_data",
    "supplied",
]

#: The module that is imported before the app.
GENERATED: Final = "durable_libraries"

#: What an app can reach that makes requests. All but httpx stand on http.client.
HTTP_LIBRARIES: Final = frozenset(
    {"http.client", "urllib.request", "urllib.robotparser", "xmlrpc.client", "httpx", "requests", "urllib3"}
)
#: Reads files of packages, which a component does not have.
_METADATA: Final = "importlib.metadata"
#: Read data files of packages, which a component does not have either.
_DATA: Final = frozenset({"importlib.resources", "importlib_resources", "pkgutil", "zoneinfo"})
#: What a module knows of where it stands.
_PLACES: Final = frozenset({"__file__", "__path__"})
_VENDORED: Final = ("urllib3", "requests", "httpx")


def imported_modules(modules: Mapping[str, Module]) -> frozenset[str]:
    """The names of all that the modules import, and of the modules themselves."""
    names = {name for module in modules.values() for each in module.imports for name in each.candidates}
    return frozenset(names | modules.keys())


def supplied(modules: Mapping[str, Module]) -> frozenset[str]:
    """The modules of the standard library that a stand-in takes the place of."""
    return frozenset({"ssl"}) & imported_modules(modules)


def imports_asyncio(modules: Mapping[str, Module]) -> bool:
    """Whether any of the modules imports asyncio, and so may make an event loop."""
    return any(name.partition(".")[0] == "asyncio" for name in imported_modules(modules))


def reads_data(modules: Mapping[str, Module]) -> bool:
    """Whether any of the modules may read data files: by the library, or by a path that starts where it stands."""
    return bool(imported_modules(modules) & _DATA) or any(map(_names_its_place, modules.values()))


def _names_its_place(module: Module) -> bool:
    return any(isinstance(node, ast.Name) and node.id in _PLACES for node in ast.walk(module.tree))


def libraries_in_use(modules: Mapping[str, Module]) -> tuple[str, ...] | None:
    """The libraries that the generated module sees to, None if it is not needed.

    `modules` are those that the app can reach, its own and its packages'.
    """
    imported = imported_modules(modules)
    found = ["asyncio"] if imports_asyncio(modules) else []
    if _METADATA in imported:
        found.append(_METADATA)
    if reads_data(modules):
        found.append("importlib.resources")
    if imported & HTTP_LIBRARIES:
        found += ["ssl", "http.client", *(name for name in _VENDORED if name in modules)]
    elif "ssl" in imported:
        found.append("ssl")
    return tuple(found) or None
