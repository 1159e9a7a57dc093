"""The user's WIT as it lies on disk: what of it is their own, what it needs, and a copy that today's tools parse.

The copy holds the user's files under their own names, and under deps/ the packages that these need: the user's own as
they are, Golem's and WASI's from ours. Whatever wasm-tools says about the copy is said of the user's files.
"""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.wit.files import BINARY, Places, Reference, find_places, package_of, references_in, wit_files
from durable_codegen.wit.official import (
    Needed,
    OfficialPackage,
    UnknownPackage,
    carried,
    interfaces_of,
    is_official,
    needed_packages,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Dependency", "UserWit", "read_user_wit", "shown_path", "write_dependencies"]


@dataclass(frozen=True, slots=True)
class Dependency:
    """An entry of deps/ that is the user's own: a folder or a file, with the package in it."""

    path: Path
    package: str
    version: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class UserWit:
    """The user's package and those of its dependencies that it needs and that are the user's own."""

    path: Path
    package: str
    version: str
    files: tuple[Path, ...]
    dependencies: tuple[Dependency, ...]
    #: What all of it refers to in Golem's and WASI's packages.
    references: frozenset[Reference]
    needed: Needed
    places: Places

    @property
    def id(self) -> str:
        return f"{self.package}@{self.version}" if self.version else self.package

    def copy_package(self, folder: Path) -> None:
        """The user's own package, right in a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for file in self.files:
            shutil.copyfile(file, folder / file.name)

    def copy_dependencies(self, deps: Path) -> None:
        """The user's own dependencies, into a folder deps/."""
        deps.mkdir(parents=True, exist_ok=True)
        for dependency in self.dependencies:
            if dependency.path.is_dir():
                (deps / dependency.path.name).mkdir(exist_ok=True)
            base = deps / dependency.path.name if dependency.path.is_dir() else deps
            for file in dependency.files:
                shutil.copyfile(file, base / file.name)

    def stage(self, folder: Path) -> None:
        """A whole copy that parses, with the official packages in full."""
        self.copy_package(folder)
        self.copy_dependencies(folder / "deps")
        write_dependencies(folder / "deps", self.needed)

    def original_of(self, staged: str, folder: Path) -> Path | None:
        """The user's file that a staged one is a copy of."""
        try:
            relative = Path(staged).resolve().relative_to(folder.resolve())
        except ValueError:
            return None
        if len(relative.parts) == 1:
            return next((file for file in self.files if file.name == relative.name), None)
        within = relative.relative_to("deps") if relative.parts[0] == "deps" else relative
        for dependency in self.dependencies:
            for file in dependency.files:
                name = Path(dependency.path.name) / file.name if dependency.path.is_dir() else Path(file.name)
                if name == within:
                    return file
        return None


#: Interfaces whose types are others in later versions of a series, which are therefore no matter of the label.
_CHANGED = {"golem:api": ("oplog",)}


def shown_path(path: Path) -> str:
    """A path as the user would write it: relative where it lies below the working directory."""
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return os.fspath(path)


def write_dependencies(deps: Path, needed: Needed) -> None:
    """Our packages, into a folder deps/."""
    for key in needed.packages:
        folder = deps / needed.folder_of(key)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in needed.files_of(key).items():
            (folder / name).write_text(text, encoding="utf-8")


def read_user_wit(wit: Path) -> UserWit:
    """Look through the user's WIT: a folder with an optional deps/ in it, or a single file."""
    files = _root_files(wit)
    texts = {file: _read(file) for file in files}
    package = package_of(texts.values())
    if package is None:
        raise BuildFailed(
            [
                Fault(
                    "DSL101",
                    "no file says which package this is",
                    shown_path(files[0]),
                    1,
                    hint="Begin one of the files with a line such as: package demo:orders;",
                )
            ]
        )
    own = {(entry.package, entry.version): entry for entry in _dependencies(wit)}
    used, references = _reachable(texts, own, package[0])
    _refuse_unknown(references)
    return UserWit(
        path=wit,
        package=package[0],
        version=package[1],
        files=tuple(files),
        dependencies=tuple(used),
        references=frozenset(reference for reference, _, _ in references),
        needed=needed_packages((reference.package, reference.version) for reference, _, _ in references),
        places=find_places({shown_path(file): text for file, text in texts.items()}),
    )


def _root_files(wit: Path) -> list[Path]:
    if wit.is_dir() and (files := wit_files(wit)):
        return files
    if wit.is_file() and wit.suffix == ".wit":
        return [wit]
    reason = "holds no .wit file" if wit.exists() else "does not exist"
    raise BuildFailed(
        [
            Fault(
                "DSL102",
                f"{shown_path(wit)} {reason}",
                hint="Write the component's interfaces into a file such as wit/orders.wit, or name them with --wit.",
            )
        ]
    )


def _dependencies(wit: Path) -> Iterator[Dependency]:
    """The entries of deps/ whose packages are not Golem's and not WASI's."""
    deps = wit / "deps"
    if not deps.is_dir():
        return
    for entry in sorted(deps.iterdir()):
        if entry.is_dir():
            files = [*wit_files(entry), *sorted(path for path in entry.iterdir() if path.suffix in BINARY)]
        elif entry.suffix == ".wit" or entry.suffix in BINARY:
            files = [entry]
        else:
            continue
        package = package_of(_read(file) for file in files if file.suffix == ".wit")
        if files and (package is None or not is_official(package[0])):
            name, version = (entry.name, "") if package is None else package
            yield Dependency(entry, name, version, tuple(files))


def _reachable(
    texts: Mapping[Path, str], own: Mapping[tuple[str, str], Dependency], root: str
) -> tuple[list[Dependency], list[tuple[Reference, Path, int]]]:
    """The dependencies that the package needs, and all references to packages of Golem's and WASI's.

    A dependency without a readable package (a binary one) is always kept: nothing says that it is not needed.
    """
    used = {key: entry for key, entry in own.items() if ":" not in entry.package}
    official: list[tuple[Reference, Path, int]] = []
    waiting = list(texts.items())
    while waiting:
        file, text = waiting.pop()
        for reference, line in references_in(text):
            if reference.package == root:
                continue
            key = (reference.package, reference.version)
            if (entry := own.get(key)) is not None:
                if key not in used:
                    used[key] = entry
                    waiting.extend((path, _read(path)) for path in entry.files if path.suffix == ".wit")
            elif is_official(reference.package):
                official.append((reference, file, line))
    return sorted(used.values(), key=lambda entry: entry.path), official


def _refuse_unknown(references: Iterable[tuple[Reference, Path, int]]) -> None:
    faults = []
    for reference, file, line in references:
        try:
            package = carried(reference.package, reference.version)
        except UnknownPackage as unknown:
            faults.append(_unknown(unknown, reference, file, line))
        else:
            faults += _not_carried(package, reference, shown_path(file), line)
    if faults:
        raise BuildFailed(faults)


def _not_carried(package: OfficialPackage, reference: Reference, file: str, line: int) -> Iterator[Fault]:
    """Interfaces of our packages that are not here, or not as that version has them; files of the user's do not count.

    A server links by name and looks at the types when it does, which is late.
    """
    name = f"{reference.package}/{reference.interface}"
    known = interfaces_of(package)
    if reference.interface not in known:
        message = f"the interface {name} is not one that this tool carries"
        yield Fault("DSL105", message, file, line, f"Of {reference.package} it has {', '.join(known)}. Drop this one.")
    elif reference.interface in _CHANGED.get(reference.package, ()) and reference.version != package.written_as:
        message = f"{name} has other types in {reference.version} than in {package.written_as}, which this tool carries"
        yield Fault("DSL105", message, file, line, f"Write {name}@{package.written_as}, or drop it.")


def _unknown(unknown: UnknownPackage, reference: Reference, file: Path, line: int) -> Fault:
    if not unknown.versions:
        message = f"the package {unknown} is not one that this tool carries"
        hint = (
            "Golem 1.0 and 1.1 hosts offer wasi:io, clocks, random, cli, filesystem, sockets, http, keyvalue, "
            "blobstore and logging, golem:api and golem:rpc. Drop the use of this package."
        )
    elif reference.version:
        message = f"the package {unknown} is not one that this tool carries"
        hint = f"Of {unknown.name} it has the versions {_series(unknown.versions)}."
    else:
        message = f"{unknown.name}/{reference.interface} is named without a version"
        hint = f"Write {unknown.name}/{reference.interface}@{_newest(unknown.versions)}."
    return Fault("DSL105", message, shown_path(file), line, hint=hint)


def _series(versions: Iterable[str]) -> str:
    return " and ".join(f"{series}.x" if series else "without a number" for series in versions)


def _newest(versions: Iterable[str]) -> str:
    *_, series = versions
    return f"{series}.0" if re.fullmatch(r"[\d.]+", series) else series


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BuildFailed(
            [Fault("DSL101", f"the file is not UTF-8 text: {error.reason} at byte {error.start}", shown_path(path))]
        ) from None
