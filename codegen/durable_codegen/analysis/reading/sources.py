"""What is looked at: the modules of an app, or any files and folders; and the world and the target, as far as known.

Nothing has to import, build or be configured. For an app the modules are those that importing it leads to. In a folder
without a project they are all of its Python files but tests, environments and generated bindings.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from durable_codegen.app.modules import Module, Root, parse, reachable
from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.project.apps import bindings_in, is_bindings
from durable_codegen.project.config import Settings, resolve
from durable_codegen.world.model import World, read_world
from durable_codegen.world.targets import DEFAULT_TARGET, TARGETS, Target, choose_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["Sources", "find_sources"]

_SKIPPED = frozenset(
    [
        "tests",
        "test",
        "testing",
        "docs",
        "build",
        "dist",
        "node_modules",
        "venv",
        "env",
        "__pycache__",
        "site-packages",
        "wit_world",
        "bindings",
    ]
)
_NOT_GUESTS = frozenset({"conftest.py", "setup.py", "noxfile.py", "tasks.py"})


@dataclass(frozen=True, slots=True)
class Sources:
    """The modules by name; `app` is the one that the world's exports are looked for in, None for mere files."""

    modules: Mapping[str, Module]
    app: str | None
    world: World | None
    target: Target
    faults: tuple[Fault, ...]
    #: Whether requests may overlap, as the settings say.
    overlapping: bool = False


def find_sources(given: Sequence[str], flags: Mapping[str, object], *, folder: Path | None = None) -> Sources:
    """The sources that were named, or the project's. Raises BuildFailed where there is nothing to look at."""
    folder = (folder or Path.cwd()).resolve()
    paths = [(folder / each).resolve() for each in given]
    missing = [each for each, path in zip(given, paths, strict=True) if not path.exists() and len(paths) > 1]
    if missing:
        raise BuildFailed([Fault("DSL209", f"there is no {missing[0]}", hint="name files or folders")])
    if len(paths) <= 1 and not (paths and _is_mere_folder(paths[0])):
        app = {"app": given[0]} if given else {}
        try:
            return _of_app(resolve({**flags, **app}, folder=folder), folder)
        except BuildFailed as failed:
            where = paths[0] if paths else folder
            if not where.exists() or any(fault.code not in {"DSL209", "DSL211"} for fault in failed.faults):
                raise
            if where.is_dir() and not any(_files(where)):
                raise
            paths = [where]
    return _of_files(paths, flags, folder)


def _is_mere_folder(path: Path) -> bool:
    return path.is_dir() and not (path / "__init__.py").is_file() and not (path / "pyproject.toml").is_file()


def _of_app(settings: Settings, folder: Path) -> Sources:
    shown = os.path.relpath(settings.app.root, folder)
    skipped = bindings_in(settings.app.root, frozenset({"wit_world", settings.world_module or "wit_world"}))
    root = Root(settings.app.root, "app", "" if shown == "." else shown, skipped)
    modules, faults = reachable([settings.app.module], [root])
    world = None
    if settings.wit.exists():
        try:
            world = read_world(settings.wit, settings.world)
        except BuildFailed:
            world = None  # `build` says what is wrong with the WIT
    try:
        target = choose_target(world, settings.target) if world is not None else _target(settings.target)
    except BuildFailed:
        target = DEFAULT_TARGET
    return Sources(modules, settings.app.module, world, target, faults, settings.overlapping)


def _target(name: str | None) -> Target:
    return TARGETS.get(name or "", DEFAULT_TARGET)


def _of_files(paths: Iterable[Path], flags: Mapping[str, object], folder: Path) -> Sources:
    modules: dict[str, Module] = {}
    faults: list[Fault] = []
    for path in paths:
        for file in [path] if path.is_file() else _files(path):
            top, parts = file.parent, [] if file.name == "__init__.py" else [file.stem]
            while (top / "__init__.py").is_file():
                parts.insert(0, top.name)
                top = top.parent
            shown = os.path.relpath(top, folder)
            root = Root(top, "app", "" if shown == "." else shown)
            name = ".".join(parts)
            while name in modules:
                name += "_"
            found = parse(name, file, root, is_package=file.name == "__init__.py")
            if isinstance(found, Fault):
                faults.append(found)
            else:
                modules[name] = found
    named = flags.get("target")
    return Sources(modules, None, None, _target(str(named) if named else None), tuple(faults))


def _files(folder: Path) -> Iterator[Path]:
    """The Python files below a folder that may be an app's, in order."""
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            if _may_hold_apps(path):
                yield from _files(path)
        elif path.suffix == ".py" and path.name not in _NOT_GUESTS and not _is_test(path.stem):
            yield path


def _may_hold_apps(folder: Path) -> bool:
    is_environment = (folder / "pyvenv.cfg").exists()
    return not (folder.name.startswith(".") or folder.name in _SKIPPED or is_environment or is_bindings(folder))


def _is_test(stem: str) -> bool:
    return stem.startswith("test_") or stem.endswith("_test")
