"""The component's own world: the user's world, and what the build adds to it.

One folder of WIT holds `package durable:build; world component { include …; import … }` with every package under
deps/: the user's as they are, Golem's and WASI's from ours, `golem:api/host` cut down to the functions in use. Given to
componentize-py as one folder and one world (two of each make it panic). The same input gives the same files, byte for
byte.

Names of modules are decided here too, and told to componentize-py one by one, so that a name never depends on what
else is imported. An imported interface keeps the module that it has in the user's world with all of Golem's official
packages. An exported interface has a module of the same name, which componentize-py imports, *by that name and from the
path*, to find the classes of its resources: an interface `cart` with resources needs a top-level module `cart`. Where
the app has such a module itself (that is componentize-py's layout, and Golem's documentation shows it), or the standard
library has, ours would hide it or be hidden by it, so the interface is renamed: module and class names of
`Composed.export_modules` are what the wrapper has to offer, and the names that users know stay as aliases.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.source.names import InterfaceId, camel, interface_modules, python_name, wit_text
from durable_codegen.source.outputs import WORLD
from durable_codegen.wit.docs import docs_as_data
from durable_codegen.wit.json_form import Document, WitError, read_document
from durable_codegen.wit.official import needed_packages
from durable_codegen.wit.trim import HOST_PACKAGE, host_functions, trimmed_host
from durable_codegen.wit.user import UserWit, read_user_wit, write_dependencies
from durable_codegen.world.features import TELLING
from durable_codegen.world.used_names import find_used

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from durable_codegen.world.features import Feature
    from durable_codegen.world.model import World
    from durable_codegen.world.targets import Target

__all__ = ["Composed", "compose"]

_PACKAGE = "durable:build"
_WORLD = "component"
_EVENT_LOOP = ("wasi:io/poll", "wasi:clocks/monotonic-clock")


@dataclass(frozen=True, slots=True)
class Composed:
    """A world ready for componentize-py, and what it will be called in Python."""

    wit: Path
    #: The same for componentize-py, which takes docs for Python.
    given: Path
    world: World
    target: Target
    #: The version of golem:api/host that is imported; None if nothing of it is in use.
    golem_api: str | None
    #: The functions and resources of golem:api/host that are imported.
    words: tuple[str, ...]
    #: The modules of durable_dsl in use that need interfaces of their own.
    features: tuple[Feature, ...]
    world_module: str
    #: Interface id -> module below `<world_module>.imports`.
    import_modules: Mapping[str, str]
    #: Interface id -> module below `<world_module>.exports`, and the top-level module of its resources.
    export_modules: Mapping[str, str]
    #: What the built component has to import and export; only interfaces with functions are sure to be there.
    imports: Mapping[str, tuple[str, ...]]
    exports: tuple[str, ...]
    #: Whether what an event loop waits with is imported for it.
    event_loop: bool
    #: Module of the bindings → a name that its interface uses from another → the import that gets it.
    used: Mapping[str, Mapping[str, str]]

    @property
    def world_class(self) -> str:
        """The class that the wrapper defines for the world's own functions."""
        return camel(self.world_module)

    @property
    def host_module(self) -> str | None:
        """The module of golem:api/host below `<world_module>.imports`."""
        return self.module_of_import("golem:api/host")

    def module_of_import(self, unversioned: str) -> str | None:
        """The module of an imported interface, whatever its version."""
        for interface, module in self.import_modules.items():
            if InterfaceId.parse(interface).unversioned == unversioned:
                return module
        return None

    def export_class(self, interface: str) -> str:
        """The class that the wrapper defines for the functions of an exported interface."""
        return camel(self.export_modules[interface])

    @property
    def arguments(self) -> tuple[str, ...]:
        """componentize-py's options, to be given before its subcommand."""
        named = [f"--import-interface-name={interface}={name}" for interface, name in self.import_modules.items()]
        named += [f"--export-interface-name={interface}={name}" for interface, name in self.export_modules.items()]
        return (f"--wit-path={self.given}", f"--world={_WORLD}", f"--world-module={self.world_module}", *named)


def compose(
    wit: Path,
    world: World,
    target: Target,
    words: Collection[str],
    into: Path,
    *,
    event_loop: bool,
    features: Collection[Feature] = (),
    world_module: str = "wit_world",
    taken: Collection[str] = (),
    exports: Collection[str] = (),
) -> Composed:
    """Write the component's world into the folder `into`, anew.

    `words` are functions and resources of golem:api/host by their WIT names; those that the target's version does not
    have are left out. `event_loop` adds what an event loop waits with (looking at promises does too), `features`
    what these modules of durable_dsl need. `taken` are the top-level modules of the app and of its vendored packages.
    `exports` are interfaces that `world` exports and the user's WIT does not.
    """
    user = read_user_wit(wit)
    version = world.golem_api or target.version
    used = tuple(name for name in host_functions(version) if name in set(words))
    waits = event_loop or "poll-promise" in used or bool(TELLING & set(used))
    extra = [f"{name}@{user.needed.wasi}" for name in (_EVENT_LOOP if waits else ())]
    present = {InterfaceId.parse(name).unversioned: name for name in world.imports}  # a user's version of it will do
    wanted = [name for feature in features for name in feature.imports(user.needed.wasi, target)]
    extra += [present.get(InterfaceId.parse(name).unversioned, name) for name in wanted]
    added = _added(world, version, extra, has_words=bool(used))
    if into.exists():
        shutil.rmtree(into)
    _write(user, world, added, used, into, exports)
    try:
        document = read_document(into)
    except WitError as error:
        raise BuildFailed([Fault("DSL101", f"the world does not hold together: {error}", world.file)]) from None
    return _described(document, into, world, target, used, tuple(features), world_module, frozenset(taken), event_loop)


def _added(world: World, version: str, extra: Collection[str], *, has_words: bool) -> tuple[str, ...]:
    """The imports that the user's world does not have, sorted."""
    added = []
    if has_words or world.golem_api is not None:
        added.append(f"golem:api/host@{version}")
    return tuple(sorted({*added, *extra} - set(world.imports)))


def _write(
    user: UserWit, world: World, added: tuple[str, ...], words: tuple[str, ...], into: Path, exports: Collection[str]
) -> None:
    package = _PACKAGE if user.package != _PACKAGE else f"{_PACKAGE}-component"
    lines = [
        WORLD,
        f"package {package};",
        "",
        f"world {_WORLD} {{",
        f"  include {wit_text(world.id)};",
        *(f"  import {interface};" for interface in added),
        *(f"  export {interface};" for interface in exports),
        "}",
        "",
    ]
    deps = into / "deps"
    user.copy_package(deps / f"package-{user.package.replace(':', '-')}")
    user.copy_dependencies(deps)
    (into / "world.wit").write_text("\n".join(lines), encoding="utf-8")

    own = {(reference.package, reference.version) for reference in user.references}
    ours = [InterfaceId.parse(each) for each in (*added, *exports)]
    named = own | {(f"{this.namespace}:{this.package}", this.version) for this in ours}
    used = {reference.interface for reference in user.references if reference.package == HOST_PACKAGE}
    used |= {InterfaceId.parse(each).name for each in exports}
    trimmed = {
        key: trimmed_host(key[1], words, wasi=user.needed.wasi, also=used) for key in named if key[0] == HOST_PACKAGE
    }
    write_dependencies(deps, needed_packages(named, trimmed))


def _described(
    document: Document,
    wit: Path,
    world: World,
    target: Target,
    words: tuple[str, ...],
    features: tuple[Feature, ...],
    world_module: str,
    taken: frozenset[str],
    event_loop: bool,
) -> Composed:
    composed = next(entry for entry in document.worlds if entry["name"] == _WORLD)
    imports = {
        name: tuple(document.interface(position)["functions"])
        for name, position in document.interfaces_of(composed, "imports").items()
    }
    exports = document.interfaces_of(composed, "exports")
    with_resources = {interface.id for interface in world.exports if interface.resources}
    hosts = [interface for interface in imports if InterfaceId.parse(interface).unversioned == "golem:api/host"]
    import_modules = _import_modules(tuple(imports), world)
    export_modules = {
        interface: _free(name, taken, renamable=interface in with_resources)
        for interface, name in interface_modules(exports).items()
    }
    modules = {"imports": import_modules, "exports": export_modules}
    return Composed(
        wit=wit,
        given=docs_as_data(wit, wit.with_name(f"{wit.name}-given")),
        world=world,
        target=target,
        golem_api=InterfaceId.parse(hosts[0]).version if hosts else None,
        words=words,
        features=features,
        world_module=world_module,
        import_modules=import_modules,
        export_modules=export_modules,
        imports=imports,
        exports=tuple(name for _, name, _ in document.items(composed, "exports")),
        event_loop=event_loop,
        used=find_used(document, composed, world_module, modules),
    )


def _import_modules(imports: tuple[str, ...], world: World) -> dict[str, str]:
    """The modules as in the user's world with all official packages, and fitting ones for what the build added."""
    as_users_know = interface_modules(world.imports)
    modules = {interface: as_users_know[interface] for interface in imports if interface in as_users_know}
    for interface in imports:
        if interface not in modules:
            this = InterfaceId.parse(interface)
            short, long = python_name(this.name), python_name(f"{this.namespace}-{this.package}-{this.name}")
            modules[interface] = short if short not in modules.values() else long
    return {interface: modules[interface] for interface in imports}


def _free(name: str, taken: frozenset[str], *, renamable: bool) -> str:
    """A module's name that nothing else on the guest's path has; only interfaces with resources need it."""
    if not renamable:
        return name
    number = 1
    candidate = name
    while candidate in taken or candidate in sys.stdlib_module_names:
        candidate = f"{name}_interface" if number == 1 else f"{name}_interface{number}"
        number += 1
    return candidate
