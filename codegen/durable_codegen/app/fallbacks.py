"""Wheels with native code that work without it: the same packages, as wheels of pure Python.

Many packages come with a native module that only makes them faster: they import it where they can do without it, and go
on in Python. Whether one does is read from its source. Taking its native modules away takes every module with it that
imports one of them unconditionally; each that goes must be done without somewhere: imported under `try … except
ImportError`, or by such a module alone. What the package imports to begin with must stay. Nothing is run.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging.utils import parse_wheel_filename

from durable_codegen.app.modules import Module, Root, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from durable_codegen.app.modules import Import

__all__ = ["NATIVE", "is_made", "refusal_of", "without_native"]

#: How the names of files with native code end.
NATIVE: Final = frozenset({".so", ".pyd", ".dylib", ".dll"})
_GENERATOR: Final = "Generator: durable-dsl (native code left out)"
_TAGS: Final = re.compile(r"^(Tag|Root-Is-Purelib|Generator|Build):.*\n?", re.MULTILINE)
#: What mypyc puts beside the modules that it compiles, whose sources are there as well.
_HELPER: Final = "__mypyc"


def is_made(text: str) -> bool:
    """Whether a wheel was made here, by the text of its WHEEL."""
    return _GENERATOR in text


def refusal_of(wheel: Path, work: Path) -> str | None:
    """What in a wheel needs its native code, in words; None if it works without. `work` is a folder for its files."""
    with zipfile.ZipFile(wheel) as archive:
        native = [name for name in archive.namelist() if Path(name).suffix in NATIVE]
        for name in archive.namelist():
            if name.endswith(".py") and ".data/" not in name:
                archive.extract(name, work)
    return _Judge(work, native).refusal()


def without_native(wheel: Path, into: Path) -> Path:
    """The wheel without its native code, as one that runs anywhere, in the folder `into`."""
    name, number, _, _ = parse_wheel_filename(wheel.name)
    stem = f"{name.replace('-', '_')}-{number}"
    made = into / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as pure:
        records = []
        info = next(each for each in archive.namelist() if each.endswith(".dist-info/WHEEL")).rpartition("/")[0]
        for each in archive.infolist():
            if each.is_dir() or Path(each.filename).suffix in NATIVE or each.filename == f"{info}/RECORD":
                continue
            content = archive.read(each)
            if each.filename == f"{info}/WHEEL":
                kept = _TAGS.sub("", content.decode()).strip()
                content = (f"{kept}\nRoot-Is-Purelib: true\nTag: py3-none-any\n{_GENERATOR}\n").encode()
            pure.writestr(each.filename, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            records.append(f"{each.filename},sha256={digest},{len(content)}\n")
        pure.writestr(f"{info}/RECORD", "".join([*records, f"{info}/RECORD,,\n"]))
    return made


@dataclass(frozen=True, slots=True)
class _Use:
    """An import of a module that may be gone."""

    by: Module
    what: Import

    @property
    def optional(self) -> bool:
        """Whether the code goes on without; an `if` at the top stands for what an import that failed has set."""
        return self.what.guarded or (self.what.conditional and not self.what.late)

    @property
    def is_tested(self) -> bool:
        """Whether it stands among the package's own tests, which nobody runs."""
        return bool({"test", "tests"} & set(self.by.name.split(".")))

    @property
    def place(self) -> str:
        return f"{self.by.file}:{self.what.line}"


class _Judge:
    """What of a package goes with its native modules."""

    def __init__(self, folder: Path, native: Iterable[str]) -> None:
        self._native = {path: _module_of(path) for path in native}
        root = Root(folder, "vendored")
        self._modules = dict(_modules_in(root))
        self._uses: dict[str, list[_Use]] = {}
        for module in self._modules.values():
            for what in module.imports:
                for name in what.candidates:
                    self._uses.setdefault(name, []).append(_Use(module, what))

    def refusal(self) -> str | None:
        """What needs the native code, None if nothing does."""
        if not self._native:
            return "its wheel is for one platform, though no module in it is native"
        natives = {name: path for path, name in self._native.items() if name not in self._modules}
        natives = {name: path for name, path in natives.items() if not name.endswith(_HELPER)}
        gone = self._gone(set(natives))
        unused = {name for name in natives if name not in self._uses}
        for name in sorted(unused):
            if not any(part.startswith("_") for part in name.split(".")):
                return f"nothing in the package takes the place of {natives[name]}"
        for name in sorted(gone - unused):
            if name.partition(".")[0] == name and not name.startswith("_") and name in self._modules:
                return f"{self._first(name, gone)} cannot do without its native code"
            if not self._excused(name, gone, frozenset()):
                return f"{self._first(name, gone)} cannot do without its native code"
            for use in self._uses.get(name, ()):
                if use.what.late and not use.optional and not use.is_tested and use.by.name not in gone:
                    return f"{use.place} cannot do without its native code"
        return None

    def _gone(self, natives: set[str]) -> set[str]:
        """The native modules, and those that cannot be imported without them."""
        gone = set(natives)
        waiting = list(natives)
        while waiting:
            name = waiting.pop()
            taken = {use.by.name for use in self._uses.get(name, ()) if not use.optional and not use.what.late}
            module = self._modules.get(name)
            if module is not None and module.is_package:
                taken |= {each for each in self._modules if each.startswith(f"{name}.")}
            waiting += taken - gone
            gone |= taken
        return gone

    def _excused(self, name: str, gone: set[str], asked: frozenset[str]) -> bool:
        """Whether somebody does without the module, or all that import it are excused."""
        uses = [use for use in self._uses.get(name, ()) if use.by.name != name]
        if any(use.what.guarded and use.by.name not in gone for use in uses):
            return True
        takers = {use.by.name for use in uses if not use.optional and not use.what.late}
        return bool(takers) and all(
            taker in gone and taker not in asked and self._excused(taker, gone, asked | {name}) for taker in takers
        )

    def _first(self, name: str, gone: set[str]) -> str:
        """The place that takes what is gone for granted."""
        module = self._modules.get(name)
        own = [
            use for each in sorted(gone) for use in self._uses.get(each, ()) if module is not None and use.by is module
        ]
        uses = [use for use in (*own, *self._uses.get(name, ())) if not use.optional]
        return uses[0].place if uses else name


def _module_of(path: str) -> str:
    """The module that a native file is, by its path in the wheel: `a/_b.cpython-314-x86_64-linux-gnu.so` is `a._b`."""
    folder, _, file = path.rpartition("/")
    return ".".join([*filter(None, folder.split("/")), file.partition(".")[0]])


def _modules_in(root: Root) -> Iterator[tuple[str, Module]]:
    for path in sorted(root.folder.rglob("*.py")):
        name = ".".join(path.relative_to(root.folder).with_suffix("").parts)
        is_package = path.name == "__init__.py"
        name = name.removesuffix(".__init__") if is_package else name
        module = parse(name, path, root, is_package=is_package)
        if isinstance(module, Module):
            yield name, module
