"""Modules of durable_dsl that need more of the host than golem:api/host, and what the build adds for each.

An app that can reach such a module gets its interfaces imported, and a generated module that re-exports their bindings
under the one name that the guest's code of ours imports. A new one is a row of `FEATURES` and a template.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from durable_codegen.app.libraries import HTTP_LIBRARIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_codegen.world.targets import Target

__all__ = ["CONTINUING", "FEATURES", "TELLING", "Feature"]

#: The function of golem:api/host that says who a worker is, which `continue_as_new` has to know.
CONTINUING: Final = "get-self-metadata"
#: Those with which the guest tells the embedded engine more than they have a place for.
TELLING: Final = frozenset({"create-promise", CONTINUING})


@dataclass(frozen=True, slots=True)
class Feature:
    """A module of durable_dsl, and what has to be in a component that can reach it."""

    #: The module whose use asks for it: "durable_dsl.http".
    module: str
    #: The generated module that guest code of ours imports, and its template.
    generated: str
    template: str
    #: Variable of the template → the interface whose bindings' module it names; these are imported.
    interfaces: Mapping[str, str]
    #: What of the module asks nothing of the host: a component that reaches no more of it imports nothing for it.
    declaring: frozenset[str] = field(default=frozenset())
    #: Modules of others that stand on it in the guest.
    libraries: frozenset[str] = field(default=frozenset())

    def imports(self, wasi: str, target: Target) -> tuple[str, ...]:
        """The interfaces to import, with the versions of the world's WASI and of the target's packages."""
        return tuple(f"{name}@{target.packages.get(name.partition('/')[0], wasi)}" for name in self.interfaces.values())


FEATURES: Final[tuple[Feature, ...]] = (
    Feature(
        module="durable_dsl.http",
        generated="durable_http_host",
        template="http_host.py.jinja",
        interfaces={
            "types": "wasi:http/types",
            "handler": "wasi:http/outgoing-handler",
            "streams": "wasi:io/streams",
        },
        libraries=HTTP_LIBRARIES,
    ),
    Feature(
        module="durable_dsl.remote",
        generated="durable_remote_host",
        template="remote_host.py.jinja",
        interfaces={"types": "golem:rpc/types"},
        declaring=frozenset({"RemoteError", "case", "interface", "method"}),
    ),
)
