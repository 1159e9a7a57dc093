"""What is to be built: the settings of `[tool.durable-dsl]`, the environment and the command line, put together.

A flag goes over the environment (`DURABLE_DSL_…`), that over the file, that over the default. Paths in the file are
relative to it, those of flags and environment to the working directory. The project's root is the folder of the
nearest `pyproject.toml` above the app; without one it is the working directory.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.project import ages, intervals
from durable_codegen.project.apps import App, discover, is_module_name, locate
from durable_codegen.project.pyproject import Project, Requirement, find_project, requirements_file

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMMITTED", "DEFAULT_WORLD_MODULE", "MARKER", "SETTINGS", "Settings", "is_inferred", "resolve"]

#: How the first line of every inferred world begins, and what the file of one is called.
#: What the bindings are called where no setting says otherwise.
DEFAULT_WORLD_MODULE = "wit_world"

MARKER = "// Inferred by durable-dsl "
COMMITTED = "world.wit"

#: Setting → the types that its value may have in the file. All but lists and tables can also be flags and variables.
SETTINGS: Mapping[str, tuple[type, ...]] = {
    "name": (str,),
    "app": (str,),
    "wit": (str,),
    "world": (str,),
    "target": (str,),
    "output": (str,),
    "world-module": (str,),
    "requirements": (str, list),
    "include": (list,),
    "import-timeout": (int, float),
    "components": (dict,),
    "overlapping-requests": (bool,),
    "data-limit": (int, float),
    "snapshot": (str,),
    "retention": (dict,),
}

_ENVIRONMENT = "DURABLE_DSL_"
#: Setting → what it is if nothing is said, its largest value, and its unit.
_LIMITS = {"import-timeout": (60.0, 86_400.0, "seconds"), "data-limit": (32.0, 4096.0, "megabytes")}


@dataclass(frozen=True, slots=True)
class Settings:
    """One build's settings, all paths absolute."""

    root: Path
    app: App
    wit: Path
    world: str | None
    target: str | None
    output: Path
    name: str
    world_module: str | None
    requirements: tuple[Requirement, ...]
    include: tuple[str, ...]
    import_timeout: float
    project: Project | None
    #: Whether there is no WIT: the world is inferred from type hints, and a world that was inferred before may stand in
    #: the file `committed`.
    code_first: bool = False
    committed: Path | None = None
    given_name: str | None = None
    #: Other components by name: the UUID, or the name that the UUID is derived from.
    components: Mapping[str, str] = field(default_factory=dict)
    #: Whether requests may overlap, which servers of Golem 1.x do not find their way through.
    overlapping: bool = False
    #: Megabytes of data files that a component may hold.
    data_limit: float = _LIMITS["data-limit"][0]
    #: When the state of workers is saved, as `intervals.parse` gives it.
    snapshots: Mapping[str, int] | None = None

    def place_of(self, setting: str) -> tuple[str | None, int | None]:
        """Where a setting stands in the project's file; nowhere for one that was given otherwise."""
        if self.project is None or setting not in self.project.table:
            return None, None
        return self.project.file, self.project.line_of(setting)

    @property
    def bindings_module(self) -> str:
        """What componentize-py calls the bindings. It makes no packages, so a name with dots is one more for them."""
        named = self.world_module
        return DEFAULT_WORLD_MODULE if named is None or "." in named else named

    @property
    def world_name(self) -> str:
        """What an inferred world is called: the setting `name`, or the app's; where the output goes is no matter."""
        return self.given_name or self.app.stem

    def shown(self, path: Path) -> str:
        """`path` as the user would write it: relative to the project's root where it lies below it."""
        try:
            return path.relative_to(self.root).as_posix()
        except ValueError:
            return str(path)


def resolve(
    flags: Mapping[str, object], *, environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> Settings:
    """The settings of a build started in `folder`. Raises BuildFailed with all that is wrong with them."""
    folder = (folder or Path.cwd()).resolve()
    environment = os.environ if environment is None else environment
    given = {name: value for name in SETTINGS if (value := _given(name, flags, environment)) is not None}
    app_given = given.get("app")
    project = find_project(_start(folder, str(app_given)) if app_given else folder)
    faults = [] if project is None else list(project.faults)
    table = {} if project is None else _checked(project, faults)
    root = folder if project is None else project.root

    def path(name: str) -> Path | None:
        if name in given:
            return (folder / str(given[name])).resolve()
        return (root / str(table[name])).resolve() if name in table else None

    def text(name: str) -> str | None:
        value = given.get(name, table.get(name))
        return None if value is None else str(value)

    app = _app(given, table, folder, root, faults)
    requirements = _requirements(given, table, folder, root, project, faults)
    timeout = _limit("import-timeout", given, table, faults)
    data_limit = _limit("data-limit", given, table, faults)
    world_module = text("world-module")
    if world_module is not None and not is_module_name(world_module):
        wrong = _wrong("world-module", world_module, "the name of a Python module, such as my_world")
        faults.append(wrong if "world-module" in given else _in_file(wrong, project, "world-module"))
    snapshots = _snapshots(given, table, project, faults)
    faults += [_in_file(wrong, project, "retention") for wrong in ages.faults_in(table.get("retention", {}))]
    if app is None or faults:
        raise BuildFailed(faults)
    name, output = text("name"), path("output")
    named_wit = path("wit")
    wit = named_wit or _default_wit(app, root)
    committed = _committed(app, root, wit, named=named_wit is not None)
    code_first = text("world") is None and (committed is not None or (named_wit is None and not wit.exists()))
    include, components = table.get("include", []), table.get("components", {})
    return Settings(
        root=root,
        app=app,
        wit=wit,
        world=text("world"),
        target=text("target"),
        output=output or root / f"{name or app.stem}.wasm",
        name=name or (output.stem if output else app.stem),
        world_module=world_module,
        requirements=requirements,
        include=tuple(include) if isinstance(include, list) else (),
        import_timeout=timeout,
        project=project,
        code_first=code_first,
        committed=committed if code_first else None,
        given_name=name,
        components=components if isinstance(components, dict) else {},
        overlapping=_overlapping(given, table),
        data_limit=data_limit,
        snapshots=snapshots,
    )


def _snapshots(
    given: Mapping[str, object], table: Mapping[str, object], project: Project | None, faults: list[Fault]
) -> dict[str, int] | None:
    """When snapshots are taken of workers that can be saved."""
    value = str(given.get("snapshot", table.get("snapshot", intervals.DEFAULT)))
    try:
        return intervals.parse(value)
    except intervals.WrongInterval:
        wrong = _wrong("snapshot", value, intervals.TAKES)
        faults.append(wrong if "snapshot" in given else _in_file(wrong, project, "snapshot"))
        return None


def _overlapping(given: Mapping[str, object], table: Mapping[str, object]) -> bool:
    """Whether requests may overlap; a variable of the environment is text."""
    value = given.get("overlapping-requests", table.get("overlapping-requests", False))
    return value is True or str(value).lower() in {"1", "true", "yes"}


def _given(name: str, flags: Mapping[str, object], environment: Mapping[str, str]) -> object | None:
    value = flags.get(name)
    if value is not None:
        return value
    return environment.get(_ENVIRONMENT + name.upper().replace("-", "_")) or None


def _limit(setting: str, given: Mapping[str, object], table: Mapping[str, object], faults: list[Fault]) -> float:
    """A limit as a number; a variable of the environment is text."""
    usual, largest, unit = _LIMITS[setting]
    value = given.get(setting, table.get(setting, usual))
    try:
        number = float(str(value))
    except ValueError:
        number = 0.0
    if not 0 < number <= largest:
        faults.append(_wrong(setting, value, f"a number of {unit} up to {largest:g}"))
    return number


def _wrong(setting: str, value: object, takes: str) -> Fault:
    return Fault("DSL402", f"{setting} is {value!r}", hint=f"{setting} takes {takes}")


def _in_file(fault: Fault, project: Project | None, setting: str) -> Fault:
    """The fault with the place of the setting in the project's file."""
    return fault if project is None else replace(fault, file=project.file, line=project.line_of(setting))


def _start(folder: Path, app: str) -> Path:
    """Where to look for the project of an app that was given: from the app's own folder upwards."""
    path = (folder / app).resolve()
    if path.is_dir():
        return path
    return path.parent if path.exists() else folder


def _checked(project: Project, faults: list[Fault]) -> dict[str, object]:
    """The settings in the file that are known and of the right type; what is not is noted."""
    good: dict[str, object] = {}
    for key, value in project.table.items():
        types = SETTINGS.get(key)
        if types is None:
            from difflib import get_close_matches

            close = get_close_matches(key, SETTINGS, 1)
            hint = f"did you mean {close[0]}?" if close else f"the settings are {', '.join(SETTINGS)}"
            faults.append(Fault("DSL401", f"unknown setting {key}", project.file, project.line_of(key), hint))
        elif (
            not isinstance(value, types)
            or (isinstance(value, bool) and bool not in types)
            or _holds_other_than_text(value)
        ):
            faults.append(
                Fault("DSL402", f"{key} is {value!r}", project.file, project.line_of(key), _expected(key, types))
            )
        else:
            good[key] = value
    return good


def _holds_other_than_text(value: object) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not all(isinstance(item, str) for item in items)


def _expected(key: str, types: tuple[type, ...]) -> str:
    names = {str: "text", list: "a list of texts", int: "a number", float: "a number", dict: "a table of texts"}
    names[bool] = "true or false"
    return f"{key} takes {' or '.join(dict.fromkeys(names[each] for each in types))}"


def _app(
    given: Mapping[str, object], table: Mapping[str, object], folder: Path, root: Path, faults: list[Fault]
) -> App | None:
    named = str(given["app"]) if "app" in given else None
    if named is not None and not ("app" in table and (folder / named).resolve() == root):
        found = locate(named, folder)
    elif "app" in table:
        found = locate(str(table["app"]), root)
    else:
        found = discover(root)
    if isinstance(found, Fault):
        place = None if found.file is None else Path(found.file)
        shown = place.relative_to(root).as_posix() if place is not None and place.is_relative_to(root) else found.file
        faults.append(replace(found, file=shown))
        return None
    return found


def _committed(app: App, root: Path, wit: Path, *, named: bool) -> Path | None:
    """The file of a world that was inferred before: `world.wit` or APP.wit beside it, or all that there is in wit/.

    `named`: the WIT is the user's choice, be it an inferred one.
    """
    if wit.exists():
        files = [wit] if wit.is_file() else sorted(path for path in wit.rglob("*") if path.is_file())
        return files[0] if len(files) == 1 and is_inferred(files[0]) else None
    if named:
        return None
    folders = [app.path if app.path.is_dir() else app.path.parent, app.root, root]
    # Several apps in one folder have a file each, called like the app.
    own = [folder / f"{app.stem}.wit" for folder in folders]
    found = [path for path in own if path.is_file() and is_inferred(path)]
    found += [folder / COMMITTED for folder in folders if (folder / COMMITTED).is_file()]
    return next(iter(found), None)


def is_inferred(path: Path) -> bool:
    """Whether a WIT file is one that was inferred: it says so in its first line."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return path.suffix == ".wit" and file.readline().startswith(MARKER)


def _default_wit(app: App, root: Path) -> Path:
    places = [app.path.parent / "wit", app.root / "wit", root / "wit"]
    if app.path.is_dir():
        places.insert(0, app.path / "wit")
    return next((place for place in places if place.is_dir()), root / "wit")


def _requirements(
    given: Mapping[str, object],
    table: Mapping[str, object],
    folder: Path,
    root: Path,
    project: Project | None,
    faults: list[Fault],
) -> tuple[Requirement, ...]:
    """The app's dependencies: a requirements file or list that was named, else those of the project."""
    if "requirements" in given:
        return requirements_file((folder / str(given["requirements"])).resolve(), root, faults)
    named = table.get("requirements")
    if isinstance(named, str):
        return requirements_file((root / named).resolve(), root, faults)
    if project is not None and isinstance(named, list):
        return project.as_requirements([str(item) for item in named], faults)
    if project is not None and project.dependencies is not None:
        return project.as_requirements(project.dependencies, faults)
    if (root / "requirements.txt").is_file():
        return requirements_file(root / "requirements.txt", root, faults)
    return ()
