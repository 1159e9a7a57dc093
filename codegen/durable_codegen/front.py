"""The stages up to the plan, shared by `build`, `build --emit` and `bindings`: what goes in, and what is made of it."""

from __future__ import annotations

import ast
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from durable_codegen import cache
from durable_codegen.aliases import DEFAULT_WORLD_MODULE, find_aliases
from durable_codegen.apps import bindings_in
from durable_codegen.bindings import generate_bindings
from durable_codegen.checks import check_names
from durable_codegen.compose import compose
from durable_codegen.faults import BuildFailed, Fault, errors_in
from durable_codegen.imports import check_imports
from durable_codegen.modules import Root, find, reachable
from durable_codegen.names import interface_modules, snake
from durable_codegen.plan import make_plan
from durable_codegen.scan import Scan, scan
from durable_codegen.staging import app_files, digest, stage
from durable_codegen.stubs import Stubs
from durable_codegen.support import support_tree
from durable_codegen.targets import choose_target
from durable_codegen.trim import host_functions
from durable_codegen.vendor import vendor
from durable_codegen.words import by_hand, features_in_use, mentioning, words_in_use
from durable_codegen.world import read_world

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from durable_codegen.cache import Inputs
    from durable_codegen.compose import Composed
    from durable_codegen.config import Settings
    from durable_codegen.features import Feature
    from durable_codegen.modules import Module
    from durable_codegen.plan import Plan
    from durable_codegen.targets import Target
    from durable_codegen.world import World

__all__ = ["Front", "run_bindings", "run_front"]

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
    #: Set when the guest's aliases are written: the module to import before the app.
    preload: str | None = None


@dataclass(frozen=True, slots=True)
class _Sources:
    """The world, the app's modules, and what they use of the host."""

    world: World
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
        _vendor(settings, vendored, faults)
    with stage_of("wit"):
        sources = _read(settings, vendored, faults)
        composed = _compose(settings, sources, work / "wit", async_exports=_may_be_async(sources))
        bindings = generate_bindings(composed, work / "bindings", aliases=sources.aliases)
        faults += sources.faults
    with stage_of("scan"):
        files = app_files(settings.app.root, sources.modules.values(), settings.include)
        app_folder = work / "app"
        stage(files, app_folder)
        support_tree(work / "support")
        stubs = Stubs(bindings, composed.world_module, composed.export_modules)
        roots = [sources.app_root, Root(vendored, "vendored")]
        check = check_imports(settings.app.module, sources.modules, roots, provided=stubs.top_names)
        faults += check.faults
        found = _scan(settings, sources, [bindings, app_folder, vendored, work / "support"], check.late, faults)
    with stage_of("plan"):
        plan = _plan(settings, sources, found, stubs, faults)
        wanted = any(each.calling != "plain" for _, each in plan.functions())
        if wanted != _may_be_async(sources):
            composed = _compose(settings, sources, work / "wit", async_exports=wanted)
            generate_bindings(composed, bindings, aliases=sources.aliases)
            stubs = Stubs(bindings, composed.world_module, composed.export_modules)
    wit_files = sorted(path for path in _wit_files(settings.wit) if path.is_file())
    contents = [*files.items(), *((f"wit {number}", path) for number, path in enumerate(wit_files))]
    return Front(
        plan=plan,
        composed=composed,
        stubs=stubs,
        bindings=bindings,
        modules=sources.modules,
        late=check.late,
        aliases=sources.aliases,
        app_root=sources.app_root,
        app_folder=app_folder,
        vendored=vendored,
        digest=digest((name, path.read_bytes()) for name, path in contents),
        inputs=_inputs(settings, sources, files, wit_files),
        printed=found.output,
    )


def run_bindings(settings: Settings, work: Path, into: Path) -> None:
    """Only the bindings: the app need not be right yet, but its imports say which names it wants."""
    faults: list[Fault] = []
    vendored = work / "vendored"
    vendored.mkdir()
    sources = _read(settings, vendored, faults, whole_host=True)
    composed = _compose(settings, sources, work / "wit", async_exports=False)
    generate_bindings(composed, into, aliases=sources.aliases)


def _vendor(settings: Settings, into: Path, faults: list[Fault]) -> None:
    into.mkdir(parents=True, exist_ok=True)
    wanted = [each.text for each in settings.requirements if not each.is_constraint]
    if not wanted:
        return
    constraints = [each.text for each in settings.requirements if each.is_constraint]
    try:
        vendor(wanted, into, _vendor_cache(), constraints=constraints)
    except BuildFailed as failed:
        # Nothing is built without its dependencies; but the WIT can still be looked at.
        faults += [_placed(fault, settings) for fault in failed.faults]
        try:
            read_world(settings.wit, settings.world)
        except BuildFailed as also:
            faults += also.faults
        raise BuildFailed(faults) from failed


def _vendor_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "durable-dsl" / "vendored"


def _placed(fault: Fault, settings: Settings) -> Fault:
    """A fault of a dependency, with the place where the user named it."""
    from dataclasses import replace

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
    own = [module for module in modules.values() if module.root.kind == "app"]
    if settings.app.module not in modules and not broken:
        raise BuildFailed([*faults, Fault("DSL209", f"there is no module {settings.app.module}")])
    version = world.golem_api or target.version
    using = [*own, *mentioning(vendored)]
    words = words_in_use(using)
    if world.golem_api is not None:
        words |= by_hand(modules.values(), host_functions(version))
    if whole_host:
        words |= frozenset(host_functions(version)) if world.golem_api is not None else frozenset()
    tops = frozenset(
        path.stem for folder in roots for path in folder.folder.iterdir() if path.stem not in folder.skipped
    )
    imported = sorted({name for module in modules.values() for each in module.imports for name in each.candidates})
    aliases = find_aliases(
        imported, world, world_module=settings.world_module or DEFAULT_WORLD_MODULE, local=_local(modules)
    )
    found = (*broken, *check_names(modules.values()))
    return _Sources(
        world, target, root, modules, words, features_in_use(using), tuple(aliases), tops, resource_modules, found
    )


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


def _compose(settings: Settings, sources: _Sources, into: Path, *, async_exports: bool) -> Composed:
    return compose(
        settings.wit,
        sources.world,
        sources.target,
        sources.words,
        into,
        async_exports=async_exports,
        features=sources.features,
        world_module=settings.world_module or DEFAULT_WORLD_MODULE,
        taken=sources.tops,
    )


def _may_be_async(sources: _Sources) -> bool:
    """A guess before the scan: is there an `async def` that could be an export?"""
    for module in sources.modules.values():
        if module.root.kind == "app":
            bodies = [module.tree.body, *(node.body for node in module.tree.body if isinstance(node, ast.ClassDef))]
            if any(isinstance(node, ast.AsyncFunctionDef) for body in bodies for node in body):
                return True
    return False


def _scan(settings: Settings, sources: _Sources, path: list[Path], late: tuple[str, ...], faults: list[Fault]) -> Scan:
    folder = path[1]

    def shown(file: str) -> str:
        given = Path(file)
        if given.is_relative_to(folder):
            relative = given.relative_to(folder).as_posix()
            return f"{sources.app_root.shown}/{relative}" if sources.app_root.shown else relative
        return next((given.relative_to(each).as_posix() for each in path if given.is_relative_to(each)), file)

    if any(fault.code == "DSL211" for fault in faults):
        # What does not parse does not import; Python would say the same again.
        raise BuildFailed(faults)
    own_late = [name for name in late if name in sources.modules and sources.modules[name].root.kind == "app"]
    try:
        found = scan(
            settings.app.module,
            path,
            folder,
            bindings=path[0],
            shown=shown,
            also=sources.resource_modules,
            late=own_late,
            timeout=settings.import_timeout,
            missing_are_known=errors_in(faults),
        )
    except BuildFailed as failed:
        raise BuildFailed([*faults, *failed.faults]) from failed
    if not found.modules:
        raise BuildFailed([*faults, *found.faults])
    return found


def _plan(settings: Settings, sources: _Sources, found: Scan, stubs: Stubs, faults: list[Fault]) -> Plan:
    try:
        plan = make_plan(sources.world, sources.target, settings.app.module, found, stubs, sources.modules)
    except BuildFailed as failed:
        raise BuildFailed([*faults, *failed.faults]) from failed
    if errors_in(faults):
        raise BuildFailed([*faults, *plan.faults])
    return plan


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
    read = [*files.values(), *wit_files]
    if settings.project is not None:
        read.append(settings.project.root / settings.project.file)
    read += [settings.root / each.file for each in settings.requirements if (settings.root / each.file).is_file()]
    return cache.Inputs(
        tuple(dict.fromkeys(read)), tuple(sorted(folders)), cache.names_asked_for(settings.app.root, asked)
    )
