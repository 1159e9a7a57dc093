"""The WIT of Golem and WASI that this tool brings along, at whatever compatible version a world names.

Golem's official files are not parsed by today's tools (`-> ()`, `float32`), so a copy of them in a user's project is
never read: packages of these names are always taken from here. A file stands for a series of versions (0.2.x) that do
not differ in what a component imports; it is written out with the version that the world names, and with what it uses
in turn at fitting versions. A package whose name belongs to Golem's hosts or to WASI, and which is not here, is a fault
where a world needs it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from durable_codegen.wit.files import references_in, wit_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "NEWEST_WASI",
    "Needed",
    "OfficialPackage",
    "PackageKey",
    "UnknownPackage",
    "carried",
    "interfaces_of",
    "is_official",
    "needed_packages",
    "package_files",
    "package_texts",
]

#: The version that componentize-py links its runtime against; a world without WASI of its own gets it.
NEWEST_WASI = "0.2.9"

#: Packages that Golem's hosts of any generation bring; other golem packages are somebody's own.
_GOLEM_HOST_PACKAGES = frozenset(
    (
        *("agent", "api", "core", "durability", "permissions", "quota"),
        *("rdbms", "rpc", "secrets", "services", "tool", "websocket"),
    )
)

_WASI_SERIES = frozenset(f"wasi:{name}" for name in ("io", "clocks", "random", "cli", "filesystem", "sockets", "http"))

#: Name and version of a package.
PackageKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class OfficialPackage:
    """A folder of our WIT: a package, the series of versions it stands for, and the version it is written at."""

    name: str
    series: str
    written_as: str
    folder: str


_PACKAGES = (
    *(OfficialPackage(name, "0.2", NEWEST_WASI, name.replace(":", "-")) for name in sorted(_WASI_SERIES)),
    OfficialPackage("wasi:keyvalue", "0.1", "0.1.0", "wasi-keyvalue"),
    OfficialPackage("wasi:blobstore", "", "", "wasi-blobstore"),
    OfficialPackage("wasi:logging", "", "", "wasi-logging"),
    OfficialPackage("golem:api", "0.2", "0.2.0", "golem-api-0.2"),
    OfficialPackage("golem:api", "1.1", "1.1.0", "golem-api-1.1"),
    OfficialPackage("golem:rpc", "0.1", "0.1.0", "golem-rpc-0.1"),
    OfficialPackage("golem:rpc", "0.2", "0.2.0", "golem-rpc-0.2"),
)


class UnknownPackage(LookupError):  # noqa: N818 - it is turned into a fault, with the place that names it
    """A package of Golem's or WASI's that is not here, at that version or at all."""

    def __init__(self, name: str, version: str) -> None:
        self.name = name
        self.version = version
        self.versions = tuple(package.series for package in _PACKAGES if package.name == name)
        super().__init__(name, version)

    def __str__(self) -> str:
        return f"{self.name}@{self.version}" if self.version else self.name


def is_official(package: str) -> bool:
    """Whether a package's name belongs to Golem's hosts or to WASI."""
    namespace, _, name = package.partition(":")
    return namespace == "wasi" or (namespace == "golem" and name in _GOLEM_HOST_PACKAGES)


def carried(name: str, version: str) -> OfficialPackage:
    """The package that stands for that version; `UnknownPackage` if there is none."""
    for package in _PACKAGES:
        if package.name == name and re.fullmatch(
            rf"{re.escape(package.series)}\.\d+" if package.series else "", version
        ):
            return package
    raise UnknownPackage(name, version)


def interfaces_of(package: OfficialPackage) -> tuple[str, ...]:
    """The names of a package's interfaces and worlds."""
    texts = package_texts(package.folder).values()
    return tuple(sorted(name for text in texts for name in re.findall(r"(?m)^(?:interface|world) %?([\w-]+) ", text)))


@dataclass(frozen=True, slots=True)
class Needed:
    """The packages that some references need, with all that these use in turn."""

    packages: tuple[PackageKey, ...]
    #: The WASI that packages outside of WASI use, so that their streams are the world's own streams.
    wasi: str
    #: Files to write in place of a package's own.
    instead: Mapping[PackageKey, Mapping[str, str]]

    def files_of(self, key: PackageKey) -> Mapping[str, str]:
        return self.instead.get(key) or package_files(*key, wasi=self.wasi)

    @staticmethod
    def folder_of(key: PackageKey) -> str:
        """A folder's name that no folder of the user's has."""
        name, version = key
        return "official-" + name.replace(":", "-") + (f"-{version}" if version else "")


def needed_packages(
    references: Iterable[PackageKey], instead: Mapping[PackageKey, Mapping[str, str]] | None = None
) -> Needed:
    """The packages that are named, and all that these use in turn; `UnknownPackage` if one is not here."""
    waiting = sorted(set(references))
    wasi = max((version for name, version in waiting if name in _WASI_SERIES), key=_numbers, default=NEWEST_WASI)
    needed = Needed((), wasi, instead or {})
    found: set[PackageKey] = set()
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            for text in needed.files_of(key).values():
                waiting.extend((reference.package, reference.version) for reference, _ in references_in(text))
    return replace(needed, packages=tuple(sorted(found)))


def package_files(name: str, version: str, *, wasi: str) -> Mapping[str, str]:
    """The files of a package as text, written at `version`; what is not WASI uses WASI at the version `wasi`."""
    package = carried(name, version)
    return {file: _at_version(text, package, version, wasi) for file, text in package_texts(package.folder).items()}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _at_version(text: str, package: OfficialPackage, version: str, wasi: str) -> str:
    if package.name in _WASI_SERIES:
        return text.replace(f"@{NEWEST_WASI}", f"@{version}")
    text = text.replace(f"@{NEWEST_WASI}", f"@{wasi}")
    return text.replace(f"package {package.name}@{package.written_as};", f"package {package.name}@{version};")


@lru_cache
def package_texts(folder: str) -> Mapping[str, str]:
    """The files of one of our folders as they are; none if there is no such folder."""
    path = _wit_folder() / "deps" / folder
    return {file.name: file.read_text(encoding="utf-8") for file in wit_files(path)} if path.is_dir() else {}


def _wit_folder() -> Path:
    """Inside an installed package, or beside it in a source tree."""
    installed = Path(__file__).parents[1] / "_wit"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "wit"
