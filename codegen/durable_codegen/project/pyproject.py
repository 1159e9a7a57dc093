"""pyproject.toml as a build reads it: our table, the project's dependencies, and the lines where things stand."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_codegen.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

__all__ = ["Project", "Requirement", "find_project", "requirements_file"]

#: What the guest is given by the build itself, so that it is not vendored as a dependency.
OWN = "durable-dsl"

#: What says that a dependency is not the one that an index has under its name.
_ELSEWHERE = ("path", "git", "url", "workspace", "index", "source", "file")

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One dependency as the user wrote it, and where; a constraint only says which version, if it is needed at all."""

    text: str
    file: str
    line: int | None
    is_constraint: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """A project's `pyproject.toml`; `table` is `[tool.durable-dsl]`, `dependencies` those of `[project]`."""

    root: Path
    file: str
    source: str
    table: Mapping[str, Any]
    dependencies: list[str] | None
    #: What uv or poetry is told of where a dependency comes from, by its name.
    sources: Mapping[str, str]
    faults: tuple[Fault, ...] = ()

    def line_of(self, key: str) -> int | None:
        """The line of a setting in our table."""
        inside = False
        for number, line in enumerate(self.source.splitlines(), 1):
            if line.lstrip().startswith("["):
                inside = re.match(r"\s*\[\s*tool\s*\.\s*[\"']?durable-dsl[\"']?\s*[\].]", line) is not None
            elif inside and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
                return number
        return None

    def line_of_text(self, text: str) -> int | None:
        """The line that holds `text` in quotes."""
        for number, line in enumerate(self.source.splitlines(), 1):
            if f'"{text}"' in line or f"'{text}'" in line:
                return number
        return None

    def as_requirements(self, texts: Iterable[str], faults: list[Fault]) -> tuple[Requirement, ...]:
        """Dependencies as written in this file; malformed ones are noted."""
        found = [Requirement(text, self.file, self.line_of_text(text)) for text in texts]
        faults += [
            self._elsewhere(each.line, name[1], self.sources[_canonical(name[1])])
            for each in found
            if (name := _NAME.match(each.text)) and _canonical(name[1]) in self.sources and "@" not in each.text
        ]
        return _for_the_guest(found, faults)

    def _elsewhere(self, line: int | None, name: str, told: str) -> Fault:
        """A package that an index has under that name may be a stranger's."""
        return Fault(
            "DSL305",
            f"{name} comes from elsewhere ({told}), and the build asks the index alone",
            self.file,
            line,
            hint=f"make a wheel of {name} (uv build --wheel, or pip wheel --no-deps) and list the dependencies in a "
            f'requirements file, with "{name} @ file:///…" for the wheel: [tool.durable-dsl] requirements = "FILE"',
        )


def find_project(start: Path) -> Project | None:
    """The project that `start` lies in: that of the nearest pyproject.toml, if it is one of a user's project."""
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            return _read(path)
    return None


def requirements_file(path: Path, root: Path, faults: list[Fault]) -> tuple[Requirement, ...]:
    """The requirements in a pip requirements file, with the files that it names with `-r` and `-c`."""
    return _for_the_guest(_lines_of(path, root, faults, set()), faults)


def _read(path: Path) -> Project | None:
    source = path.read_text(encoding="utf-8", errors="replace")
    try:
        # Not the text above, which hides bytes that are none: TOML is UTF-8.
        content = tomllib.loads(path.read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        place = re.search(r"\(at line (\d+)", str(error))
        line = int(place[1]) if place else None
        fault = Fault("DSL403", f"pyproject.toml does not parse: {error}", path.name, line)
        return Project(path.parent, path.name, source, {}, None, {}, (fault,))
    tools, project = (_table(content, name) for name in ("tool", "project"))
    table = tools.get("durable-dsl")
    if table is None and (not project or project.get("name") == OWN):
        # Someone else's file: of a workspace, of formatters' settings, or of this tool's own repository.
        return None
    faults = []
    if table is not None and not isinstance(table, dict):
        faults.append(Fault("DSL402", "tool.durable-dsl is not a table", path.name, hint="write [tool.durable-dsl]"))
        table = {}
    dependencies = project.get("dependencies")
    if dependencies is not None and not (
        isinstance(dependencies, list) and all(isinstance(item, str) for item in dependencies)
    ):
        faults.append(Fault("DSL402", "project.dependencies is not a list of texts", path.name))
        dependencies = None
    return Project(path.parent, path.name, source, table or {}, dependencies, dict(_sources(tools)), tuple(faults))


def _sources(tools: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for table in ("uv.sources", "poetry.dependencies"):
        tool, _, key = table.partition(".")
        for name, told in _table(_table(tools, tool), key).items():
            for each in told if isinstance(told, list) else [told]:
                where = [word for word in _ELSEWHERE if isinstance(each, dict) and word in each]
                if where:
                    yield _canonical(name), f"tool.{table}: {name} = {{ {where[0]} = {json.dumps(each[where[0]])} }}"


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A table at the top of the file; what else has its name is for the tools whose name it is to complain of."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _lines_of(
    path: Path, root: Path, faults: list[Fault], read: set[Path], *, constraints: bool = False
) -> list[Requirement]:
    """The lines of a file and of those that it names; a file counts once, so that two may name each other."""
    if path in read:
        return []
    read.add(path)
    shown = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
    if not path.is_file():
        faults.append(Fault("DSL304", f"there is no requirements file {shown}"))
        return []
    found: list[Requirement] = []
    text = path.read_text(encoding="utf-8").replace("\\\n", " \x00")
    number = 0
    for line in text.split("\n"):
        number += 1
        first, number = number, number + line.count("\x00")
        stripped = re.sub(r"(^|\s)#.*$", "", line.replace("\x00", "")).strip()
        if not stripped:
            continue
        included = re.match(r"(-r|--requirement|-c|--constraint)[=\s]*(.+)", stripped)
        if included:
            other = (path.parent / included[2]).resolve()
            narrows = constraints or included[1] in {"-c", "--constraint"}
            found += _lines_of(other, root, faults, read, constraints=narrows)
        elif stripped.startswith("-"):
            hint = "name packages with versions; options for pip are its own configuration"
            faults.append(Fault("DSL304", f"an option is not a requirement: {stripped}", shown, first, hint))
        else:
            found.append(Requirement(re.split(r"\s+--hash", stripped)[0], shown, first, constraints))
    return found


def _for_the_guest(found: list[Requirement], faults: list[Fault]) -> tuple[Requirement, ...]:
    """What has to be vendored: all but this tool itself."""
    kept = []
    for requirement in found:
        name = _NAME.match(requirement.text)
        if name is None:
            faults.append(
                Fault(
                    "DSL304",
                    f"not a requirement: {requirement.text!r}",
                    requirement.file,
                    requirement.line,
                    hint='write a package name, with a version where it matters: "httpx>=0.28"',
                )
            )
        elif _canonical(name[1]) != OWN:
            kept.append(requirement)
    return tuple(kept)
