"""What importlib.metadata says of the packages in a component, which has no files that it could read.

It is read while the component is built, where the files are there, and answers from then on.
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

__all__ = ["install"]

#: What of a package's metadata is kept: its version and whatever else its author says, and what it plugs into.
_KEPT: Final = ("METADATA", "entry_points.txt")
_ALL: Final = metadata.DistributionFinder.Context()


class _Package(metadata.Distribution):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def read_text(self, filename: str) -> str | None:
        return self._texts.get(filename)

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        return Path(path)


class _Finder(metadata.DistributionFinder):
    """Finds no modules, as it has no `find_spec`, but packages; any spelling of a name will do."""

    def __init__(self, packages: Mapping[str, _Package]) -> None:
        self._packages = packages

    def find_distributions(self, context: metadata.DistributionFinder.Context = _ALL) -> Iterable[_Package]:
        if context.name is None:
            return list(self._packages.values())
        found = self._packages.get(_plain(context.name))
        return [] if found is None else [found]


def install() -> None:
    """Keep what there is now, and answer with it."""
    packages: dict[str, _Package] = {}
    for each in metadata.distributions():
        texts = {name: text for name in _KEPT if (text := each.read_text(name)) is not None}
        packages.setdefault(_plain(each.metadata["Name"] or ""), _Package(texts))
    sys.meta_path.insert(0, _Finder(packages))


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
