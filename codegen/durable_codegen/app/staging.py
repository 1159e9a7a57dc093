"""The app's own modules in a folder of their own: what the guest sees of a project, and nothing else.

A project's folder also holds tests, virtual environments and much more, all of which a guest could import and
componentize-py would look through. So only what the app reaches by its imports is taken: single modules as files, and
packages whole, because their data files and what they import by computed names belong to them. The setting `include`
adds files that stand beside single modules.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from durable_codegen.app.modules import Module

__all__ = ["app_files", "digest", "stage"]

_LEFT_OUT = {"__pycache__", "node_modules"}


def app_files(root: Path, modules: Iterable[Module], include: Sequence[str]) -> dict[str, Path]:
    """The files of the app by their path below its root, sorted."""
    found: dict[str, Path] = {}
    for name in sorted({module.name.partition(".")[0] for module in modules if module.root.kind == "app"}):
        package, module_file = root / name, root / f"{name}.py"
        if module_file.is_file() and not (package / "__init__.py").is_file():
            found[module_file.name] = module_file
        else:
            found |= {path.relative_to(root).as_posix(): path for path in _files_in(package)}
    for pattern in include:
        found |= {path.relative_to(root).as_posix(): path for path in root.glob(pattern) if path.is_file()}
    return dict(sorted(found.items()))


def stage(files: Mapping[str, Path], into: Path) -> None:
    """Copy the app's files into a folder."""
    into.mkdir(parents=True, exist_ok=True)
    for relative, path in files.items():
        target = into / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)


def digest(parts: Iterable[tuple[str, bytes]]) -> str:
    """One hash of named contents."""
    whole = hashlib.sha256()
    for name, content in parts:
        whole.update(f"{name}\0{len(content)}\0".encode())
        whole.update(content)
    return whole.hexdigest()


def _files_in(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in _LEFT_OUT or path.suffix == ".pyc":
            continue
        if path.is_dir():
            if not (path / "pyvenv.cfg").is_file():
                yield from _files_in(path)
        elif path.is_file():
            yield path
