"""The stages up to the plan, shared by `build`, `build --emit` and `bindings`: what goes in, and what is made of it."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from durable_codegen.app.data_files import data_faults
from durable_codegen.app.guest import guest_python
from durable_codegen.app.libraries import imports_asyncio, reads_data
from durable_codegen.app.modules import Root, find, reachable
from durable_codegen.app.staging import digest
from durable_codegen.component import cache
from durable_codegen.discovery.staged import stage_and_scan
from durable_codegen.emit.aliases import find_aliases
from durable_codegen.emit.bindings import generate_bindings
from durable_codegen.faults import BuildFailed, Fault, errors_in
from durable_codegen.plan.checks import RESERVED, check_names
from durable_codegen.plan.codefirst import check_committed, infer_world
from durable_codegen.plan.exports import make_plan
from durable_codegen.plan.snapshots import Snapshots, added_exports, mentions_snapshots, with_snapshots
from durable_codegen.plan.words import by_hand, features_in_use, mentioning, words_in_use
from durable_codegen.project.apps import bindings_in
from durable_codegen.project.config import DEFAULT_WORLD_MODULE
from durable_codegen.source.names import interface_modules, snake
from durable_codegen.wit.trim import host_functions
from durable_codegen.world.compose import compose
from durable_codegen.world.model import read_world
from durable_codegen.world.stubs import Stubs
from durable_codegen.world.targets import choose_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from durable_codegen.app.modules import Module
    from durable_codegen.component.cache import Inputs
    from durable_codegen.discovery.scan import Scan
    from durable_codegen.discovery.staged import Staged
    from durable_codegen.infer.world import Inferred
    from durable_codegen.plan.exports import Plan
    from durable_codegen.project.config import Settings
    from durable_codegen.world.compose import Composed
    from durable_codegen.world.features import Feature
    from durable_codegen.world.model import World
    from durable_codegen.world.targets import Target

__all__ = ["Front", "run_bindings", "run_front", "run_inference"]

_NO_ROOM = "take a name whose first part is nobody's, or one without dots"

Stage = "Callable[[str], AbstractContextManager[None]]"


@dataclass
class Front:
    """All that the later stages need."""

    plan: Plan
    composed: Composed
    stubs: Stubs
    bindings: Path
    modules: Mapping[str, Module]
    late: tuple[str, ...]
    aliases: tuple[str, ...]
    app_root: Root
    app_folder: Path
    vendored: Path
    digest: str
    inputs: Inputs
    printed: str
    #: The packages in the component and their versions.
    packages: tuple[tuple[str, str], ...]
    #: Set when the generated modules are written: those to import before the app.
    preload: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sources:
    """The world, the app's modules, and what they use of the host."""

    world: World
    #: The world as the user's WIT has it: without the exports that marks on functions add.
    plain_world: World
    target: Target
    app_root: Root
    modules: Mapping[str, Module]
    words: frozenset[str]
    features: tuple[Feature, ...]
    aliases: tuple[str, ...]
    tops: frozenset[str]
    resource_modules: tuple[str, ...]
    faults: tuple[Fault, ...]


def run_front(settings: Settings, work: Path, stage_of: Callable[[str], AbstractContextManager[None]]) -> Front:
    """Vendor, read the WIT, scan the app and plan. Raises BuildFailed with every fault found on the way."""
    faults: list[Fault] = []
    vendored = work / "vendored"
    with stage_of("vendor"):
        packages = _vendor(settings, vendored, faults)
    first, inputs_of = None, settings
    if settings.code_first:
        with stage_of("scan"):
            first = infer_world(settings, work, faults)
            check_committed(settings, first, faults)
            settings = replace(settings, wit=first.wit)
    with stage_of("wit"):
        sources = _read(settings, vendored, faults)
        composed = _compose(settings, sources, work / "wit", event_loop=_may_loop(sources))
        bindings = generate_bindings(composed, work / "bindings", aliases=sources.aliases)
        stubs = Stubs(bindings, composed.world_module, composed.export_modules)
        faults += sources.faults
    if first is None:
        with stage_of("scan"):
            staged = _scan(settings, work, sources, stubs, faults)
    else:
        staged = first.staged
    found = staged.found
    if reads_data(sources.modules):
        faults += data_faults([staged.folder, vendored], settings.data_limit)
    with stage_of("plan"):
        marked = _without_unmarked(sources, found)
        plan = _plan(settings, marked, found, stubs, faults, first.inferred if first else None)
        wanted = imports_asyncio(sources.modules) or any(each.calling != "plain" for _, each in plan.functions())
        if wanted != _may_loop(sources) or marked is not sources:
            sources = marked
            composed = _compose(settings, sources, work / "wit", event_loop=wanted)
            generate_bindings(composed, bindings, aliases=sources.aliases)
            stubs = Stubs(bindings, composed.world_module, composed.export_modules)
    wit_files = sorted(path for path in _wit_files(settings.wit) if path.is_file())
    contents = [*staged.files.items(), *((f"wit {number}", path) for number, path in enumerate(wit_files))]
    return Front(
        plan=plan,
        composed=composed,
        stubs=stubs,
        bindings=bindings,
        modules=sources.modules,
        late=staged.late,
        aliases=sources.aliases,
        app_root=sources.app_root,
        app_folder=staged.folder,
        vendored=vendored,
        digest=digest((name, path.read_bytes()) for name, path in contents),
        inputs=_inputs(inputs_of, sources, staged.files, [] if first else wit_files),
        printed=found.output,
        packages=packages,
    )


def run_inference(settings: Settings, work: Path) -> tuple[str, tuple[Fault, ...]]:
    """Only the inferred world: its text, and how it differs from the committed one."""
    faults: list[Fault] = []
    _vendor(settings, work / "vendored", faults)
    first = infer_world(settings, work, faults)
    changes: list[Fault] = []
    check_committed(settings, first, changes)
    return first.text, tuple(changes)


def run_bindings(settings: Settings, work: Path, into: Path) -> None:
    """Only the bindings: the app need not be right yet, but its imports say which names it wants."""
    faults: list[Fault] = []
    vendored = work / "vendored"
    vendored.mkdir()
    if settings.code_first:
        _vendor(settings, vendored, faults)
        settings = replace(settings, wit=infer_world(settings, work, faults).wit)
    sources = _read(settings, vendored, faults, whole_host=True)
    composed = _compose(settings, sources, work / "wit", event_loop=False)
    generate_bindings(composed, into, aliases=sources.aliases)


def _vendor(settings: Settings, into: Path, faults: list[Fault]) -> tuple[tuple[str, str], ...]:
    into.mkdir(parents=True, exist_ok=True)
    wanted = [each.text for each in settings.requirements if not each.is_constraint]
    if not wanted:
        return ()
    from durable_codegen.app.vendor import vendor  # most apps have no dependencies

    constraints = [each.text for each in settings.requirements if each.is_constraint]
    try:
        done = vendor(wanted, into, _vendor_cache(), constraints=constraints)
    except BuildFailed as failed:
        # Nothing is built without its dependencies; but the WIT can still be looked at.
        faults += [_placed(fault, settings) for fault in failed.faults]
        if not settings.code_first:
            try:
                read_world(settings.wit, settings.world)
            except BuildFailed as also:
                faults += also.faults
        raise BuildFailed(faults) from failed
    faults += [_placed(note, settings) for note in done.notes]
    return done.packages


def _vendor_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "durable-dsl" / "vendored"


def _placed(fault: Fault, settings: Settings) -> Fault:
    """A fault of a dependency, with the place where the user named it."""
    if fault.file is not None:
        return fault
    for each in settings.requirements:
        name = each.text.split(";")[0].split("[")[0].strip()
        plain = name.rstrip("0123456789.*,<>=!~ ")
        if plain.lower().replace("_", "-") in fault.message.lower().replace("_", "-"):
            return replace(fault, file=each.file, line=each.line)
    return fault


def _read(settings: Settings, vendored: Path, faults: list[Fault], *, whole_host: bool = False) -> _Sources:
    """The world and the modules, with what they use."""
    try:
        world = read_world(settings.wit, settings.world)
        target = choose_target(world, settings.target)
    except BuildFailed as failed:
        raise BuildFailed([*faults, *failed.faults]) from failed
    names = frozenset({snake(world.name), snake(world.package.replace(":", "-")), DEFAULT_WORLD_MODULE})
    shown = settings.shown(settings.app.root)
    root = Root(settings.app.root, "app", "" if shown == "." else shown, bindings_in(settings.app.root, names))
    roots = [root, Root(vendored, "vendored")]
    resource_modules = _resource_modules(world, settings.app.module, roots)
    modules, broken = reachable([settings.app.module, *resource_modules], roots)
    if named := tuple(check_names(modules.values(), settings.app.module, settings.bindings_module)):
        # It would be imported in place of what Python and the build need, or not at all.
        raise BuildFailed([*faults, *broken, *named])
    own = [module for module in modules.values() if module.root.kind == "app"]
    if settings.app.module not in modules and not broken:
        raise BuildFailed([*faults, Fault("DSL209", f"there is no module {settings.app.module}")])
    version = world.golem_api or target.version
    using = [*own, *mentioning(vendored)]
    words = words_in_use(using)
    plain_world = world
    if mentions_snapshots(own):
        world = with_snapshots(world, target)
    if world.golem_api is None:
        target = target.with_functions(words)
    else:
        words |= by_hand(modules.values(), host_functions(version))
    if whole_host:
        words |= frozenset(host_functions(version)) if world.golem_api is not None else frozenset()
    tops = frozenset(
        path.stem for folder in roots for path in folder.folder.iterdir() if path.stem not in folder.skipped
    )
    imported = sorted({name for module in modules.values() for each in module.imports for name in each.candidates})
    aliases = find_aliases(
        imported, world, world_module=settings.bindings_module, local=_local(modules), also=_dotted(settings, tops)
    )
    return _Sources(
        world,
        plain_world,
        target,
        root,
        modules,
        words,
        features_in_use(using, modules),
        tuple(aliases),
        tops,
        resource_modules,
        broken,
    )


def _dotted(settings: Settings, tops: frozenset[str]) -> str | None:
    """A name with dots for the bindings, if that is the setting; its first part is no module of the app's."""
    name = settings.world_module
    if name is None or "." not in name:
        return None
    first = name.partition(".")[0]
    if first in tops or guest_python().has(first) or first in RESERVED:
        message = f"world-module is {name!r}, and {first} is a module already"
        raise BuildFailed([Fault("DSL402", message, *settings.place_of("world-module"), hint=_NO_ROOM)])
    return name


def _local(modules: Mapping[str, Module]) -> frozenset[str]:
    return frozenset(name.partition(".")[0] for name in modules)


def _resource_modules(world: World, app: str, roots: list[Root]) -> tuple[str, ...]:
    """The app's modules in componentize-py's layout: named after an interface that exports resources."""
    names = interface_modules([each.id for each in world.exports if each.id is not None])
    package = app.rpartition(".")[0]
    layouts = [
        name
        for interface in world.exports
        if interface.id is not None and interface.resources
        for name in (names[interface.id], f"{package}.{names[interface.id]}" if package else "")
    ]
    return tuple(name for name in layouts if name and find(name, roots[:1]) is not None)


def _compose(settings: Settings, sources: _Sources, into: Path, *, event_loop: bool) -> Composed:
    return compose(
        settings.wit,
        sources.world,
        sources.target,
        sources.words,
        into,
        event_loop=event_loop,
        features=sources.features,
        world_module=settings.bindings_module,
        taken=sources.tops,
        exports=added_exports(sources.world, sources.plain_world),
    )


def _without_unmarked(sources: _Sources, found: Scan) -> _Sources:
    """The sources without exports that were added for marks which turn out not to be there."""
    world = Snapshots(found, sources.plain_world, []).marked_exports(sources.world, sources.plain_world)
    return sources if world is sources.world else replace(sources, world=world)


def _may_loop(sources: _Sources) -> bool:
    """A guess before the scan: is asyncio imported, or is there an `async def` that could be an export?"""
    if imports_asyncio(sources.modules):
        return True
    for module in sources.modules.values():
        if module.root.kind == "app":
            bodies = [module.tree.body, *(node.body for node in module.tree.body if isinstance(node, ast.ClassDef))]
            if any(isinstance(node, ast.AsyncFunctionDef) for body in bodies for node in body):
                return True
    return False


def _scan(settings: Settings, work: Path, sources: _Sources, stubs: Stubs, faults: list[Fault]) -> Staged:
    return stage_and_scan(
        settings,
        work,
        sources.app_root,
        sources.modules,
        faults,
        also=sources.resource_modules,
        provided=stubs.top_names,
    )


def _plan(
    settings: Settings, sources: _Sources, found: Scan, stubs: Stubs, faults: list[Fault], inferred: Inferred | None
) -> Plan:
    try:
        plan = make_plan(sources.world, sources.target, settings.app.module, found, stubs, sources.modules, inferred)
    except BuildFailed as failed:
        raise BuildFailed([*faults, *failed.faults]) from failed
    if errors_in(faults):
        raise BuildFailed([*faults, *plan.faults])
    return replace(plan, faults=tuple(dict.fromkeys([*faults, *plan.faults])))


def _wit_files(wit: Path) -> list[Path]:
    return [wit] if wit.is_file() else list(wit.rglob("*"))


def _inputs(settings: Settings, sources: _Sources, files: Mapping[str, Path], wit_files: list[Path]) -> Inputs:
    asked = {
        name.partition(".")[0]
        for module in sources.modules.values()
        for each in module.imports
        for name in each.candidates
    }
    packages = {settings.app.root / name.partition("/")[0] for name in files if "/" in name}
    folders = [*packages, *([settings.wit] if settings.wit.is_dir() else [])]
    read = [*files.values(), *wit_files, *([settings.committed] if settings.committed else [])]
    if settings.project is not None:
        read.append(settings.project.root / settings.project.file)
    read += [settings.root / each.file for each in settings.requirements if (settings.root / each.file).is_file()]
    return cache.Inputs(
        tuple(dict.fromkeys(read)), tuple(sorted(folders)), cache.names_asked_for(settings.app.root, asked)
    )
