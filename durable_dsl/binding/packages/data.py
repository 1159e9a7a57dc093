"""The data files of the app and its packages in a component, which has no files that it could read.

They are read while the component is built, where the files are there, and kept in memory. `importlib.resources`,
`pkgutil.get_data` and a loader's `get_data` answer with them, and so does what stands on these, zoneinfo among them;
`open` too, with the path that they had (see `package_files`). A package that holds data and that nothing has imported
yet can be imported to name it.
"""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from importlib import abc, machinery, util
from importlib.resources import as_file
from importlib.resources.abc import Traversable, TraversableResources
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, cast

from durable_dsl.binding.packages import files as package_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

__all__ = ["Data", "Finder", "install"]

_CODE: Final = frozenset({".py", ".pyc", ".pyi", ".so"})


class Data(Traversable):
    """A file or a folder; `files` are the contents of all by their paths."""

    def __init__(self, path: str, files: dict[str, bytes]) -> None:
        self._path = path
        self._files = files

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self._path.rpartition("/")[2]

    def is_file(self) -> bool:
        """Whether it is a file."""
        return self._path in self._files

    def is_dir(self) -> bool:
        """Whether something lies in it."""
        return any(path.startswith(f"{self._path}/") for path in self._files)

    def iterdir(self) -> Iterator[Traversable]:
        """What lies in it, files of code left out."""
        start = f"{self._path}/"
        for name in sorted({path[len(start) :].partition("/")[0] for path in self._files if path.startswith(start)}):
            yield Data(start + name, self._files)

    def joinpath(self, *parts: str | os.PathLike[str]) -> Traversable:
        """What has this path below it, there or not."""
        return Data(os.path.normpath("/".join([self._path, *(os.fspath(part) for part in parts)])), self._files)

    def __truediv__(self, part: str | os.PathLike[str]) -> Traversable:
        """What has this name in it."""
        return self.joinpath(part)

    def read_bytes(self) -> bytes:
        """The content."""
        if self._path not in self._files:
            raise IsADirectoryError(self._path) if self.is_dir() else FileNotFoundError(self._path)
        return self._files[self._path]

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        """The content as text, UTF-8 if nothing else is said."""
        return io.TextIOWrapper(io.BytesIO(self.read_bytes()), encoding or "utf-8", errors).read()

    def open(self, mode: str = "r", *arguments: Any, **options: Any) -> IO[Any]:
        """A stream of the content."""
        content = io.BytesIO(self.read_bytes())
        return content if "b" in mode else io.TextIOWrapper(content, *arguments, **options)

    def __repr__(self) -> str:
        """As the path that it had while the component was built."""
        return f"Data({self._path!r})"


@contextmanager
def _place_of(data: Data) -> Iterator[Path]:
    """Where the file was when the component was built: there is no folder to copy it to, and some only ask for it."""
    yield Path(data._path)  # noqa: SLF001 - of this module


# A generic function, by kind of resource; its stub does not say so.
cast("Any", as_file).register(Data, _place_of)


class _Reader(TraversableResources):
    def __init__(self, folder: str, files: dict[str, bytes]) -> None:
        self._folder = folder
        self._files = files

    def files(self) -> Traversable:
        return Data(self._folder, self._files)


class Finder(abc.MetaPathFinder, abc.InspectLoader):
    """Finds packages that hold data, after everything else has failed to; one without __init__ is empty."""

    def __init__(self, roots: Sequence[str], files: dict[str, bytes]) -> None:
        self.files = files
        self._sources: dict[str, tuple[str, str]] = {}
        for path in files:
            root = next((root for root in roots if path.startswith(f"{root}/")), None)
            folder = path.rpartition("/")[0]
            while root is not None and folder != root:
                name = folder[len(root) + 1 :].replace("/", ".")
                if name not in self._sources:
                    init = Path(folder, "__init__.py")
                    self._sources[name] = folder, init.read_text(encoding="utf-8") if init.is_file() else ""
                folder = folder.rpartition("/")[0]

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> machinery.ModuleSpec | None:
        """Where the package is, if it holds data."""
        if fullname not in self._sources:
            return None
        folder, _ = self._sources[fullname]
        spec = machinery.ModuleSpec(fullname, self, origin=f"{folder}/__init__.py", is_package=True)
        spec.submodule_search_locations = [folder]
        spec.has_location = True
        return spec

    def is_package(self, fullname: str) -> bool:
        """All that it finds are."""
        return fullname in self._sources

    def get_source(self, fullname: str) -> str:
        """What its __init__.py holds."""
        return self._sources[fullname][1]

    def get_resource_reader(self, fullname: str) -> _Reader:
        """Its data."""
        return _Reader(self._sources[fullname][0], self.files)

    def get_data(self, path: str) -> bytes:
        """The data of that path."""
        return _data(path, self.files)


def install() -> None:
    """Keep the data files that lie on the path now, those of Python itself left out, and answer with them."""
    own = str(Path(os.__file__).parent)
    roots = [str(root) for root in (Path(each).absolute() for each in sys.path if each) if str(root) != own]
    finder = Finder(roots, dict(_read(roots)))
    files = finder.files
    package_files.install(files)
    sys.meta_path.append(finder)
    plain = machinery.SourceFileLoader.get_data

    def get_data(loader: machinery.SourceFileLoader, path: str) -> bytes:
        return files[path] if path in files else plain(loader, path)

    def reader(loader: machinery.SourceFileLoader, _name: str | None = None) -> _Reader:
        return _Reader(loader.path.rpartition("/")[0], files)

    def namespace_reader(_loader: machinery.NamespaceLoader, name: str) -> _Reader | None:
        spec = sys.modules[name].__spec__ if name in sys.modules else util.find_spec(name)
        places = list(spec.submodule_search_locations or ()) if spec is not None else []
        return next((_Reader(place, files) for place in places if Data(place, files).is_dir()), None)

    machinery.SourceFileLoader.get_data = get_data  # type: ignore[method-assign,assignment]
    machinery.SourceFileLoader.get_resource_reader = reader  # type: ignore[method-assign,assignment]
    machinery.NamespaceLoader.get_resource_reader = namespace_reader  # type: ignore[method-assign,assignment]


def _read(roots: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    for root in roots:
        for path in sorted(Path(root).rglob("*")):
            parts = path.relative_to(root).parts
            hidden = any(part == "__pycache__" or part.endswith(".dist-info") for part in parts)
            if not hidden and path.suffix not in _CODE and path.is_file():
                yield str(path), path.read_bytes()


def _data(path: str, files: dict[str, bytes]) -> bytes:
    if path not in files:
        raise FileNotFoundError(path)
    return files[path]
