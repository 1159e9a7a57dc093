"""Data files of a component by their paths, as they were while it was built: `open`, `pathlib` and `os.path` find them.

A component has no files, but code finds its data beside itself: `open(Path(__file__).parent / "x.json")`. What is kept
in memory is answered from there, for reading and for looking; the host is not asked, and nothing of it is recorded.
Every other path, and every way of writing, goes where it went before.
"""

from __future__ import annotations

import builtins
import io
import os
import stat
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

__all__ = ["install"]

_WRITING: Final = frozenset("wax+")


class _File(io.BytesIO):
    def __init__(self, name: str, content: bytes) -> None:
        super().__init__(content)
        self.name = name


class _Entry(os.PathLike[str]):
    """What lies in a folder, as `os.scandir` tells it."""

    def __init__(self, path: str, status: os.stat_result) -> None:
        self.path = path
        self.name = path.rpartition("/")[2]
        self._status = status

    def __fspath__(self) -> str:
        return self.path

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - there are no links
        return stat.S_ISREG(self._status.st_mode)

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        return stat.S_ISDIR(self._status.st_mode)

    def is_symlink(self) -> bool:
        return False

    def is_junction(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002
        return self._status


class _Listing:
    """What `os.scandir` gives."""

    def __init__(self, entries: list[_Entry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Iterator[_Entry]:
        return self._entries

    def __next__(self) -> _Entry:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """There is nothing to close."""

    def close(self) -> None:
        """Nor here."""


class _Tree:
    """The files by their paths, and the folders that they lie in."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self.files = files
        self.folders: dict[str, set[str]] = {}
        for path in files:
            folder, _, name = path.rpartition("/")
            while folder and name not in self.folders.setdefault(folder, set()):
                self.folders[folder].add(name)
                folder, _, name = folder.rpartition("/")

    def place(self, path: Any) -> str | None:
        """The path if something is kept there. Only whole paths are looked at: they are what `__file__` gives."""
        if not isinstance(path, (str, os.PathLike)):
            return None
        text = os.fspath(path)
        if not isinstance(text, str) or not text.startswith("/"):
            return None
        text = os.path.normpath(text)
        return text if text in self.files or text in self.folders else None

    def status(self, place: str) -> os.stat_result:
        is_file = place in self.files
        mode = stat.S_IFREG | 0o444 if is_file else stat.S_IFDIR | 0o555
        return os.stat_result((mode, 0, 0, 1, 0, 0, len(self.files[place]) if is_file else 0, 0, 0, 0))

    def entries(self, place: str) -> list[_Entry]:
        paths = [f"{place}/{name}" for name in sorted(self.folders[place])]
        return [_Entry(path, self.status(path)) for path in paths]


def install(files: Mapping[str, bytes]) -> None:
    """Answer for these files from now on."""
    tree = _Tree(files)
    plain_open, plain_stat, plain_listdir, plain_scandir = io.open, os.stat, os.listdir, os.scandir

    def opened(file: Any, mode: str = "r", buffering: int = -1, *arguments: Any, **options: Any) -> Any:
        place = None if _WRITING & set(mode) else tree.place(file)
        if place is None or place not in tree.files:
            return plain_open(file, mode, buffering, *arguments, **options)
        content = _File(os.fspath(file), tree.files[place])
        if "b" in mode:
            return content
        text = {name: options[name] for name in ("encoding", "errors", "newline") if name in options}
        return io.TextIOWrapper(content, *arguments[:3], **text)

    def looked_at(path: Any, **options: Any) -> os.stat_result:
        place = tree.place(path)
        return plain_stat(path, **options) if place is None else tree.status(place)

    def listed(path: Any = ".") -> list[Any]:
        place = tree.place(path)
        if place is None or place not in tree.folders:
            return plain_listdir(path)
        return [each.name for each in tree.entries(place)]

    def scanned(path: Any = ".") -> Any:
        place = tree.place(path)
        if place is None or place not in tree.folders:
            return plain_scandir(path)
        return _Listing(tree.entries(place))

    the_builtins, the_io, the_os = (_as_any(module) for module in (builtins, io, os))
    the_builtins.open = the_io.open = opened
    the_os.stat, the_os.listdir, the_os.scandir = looked_at, listed, scanned


def _as_any(module: Any) -> Any:
    return module
