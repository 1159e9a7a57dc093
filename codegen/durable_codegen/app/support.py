"""What every guest gets: the part of durable_dsl that runs there, and wrapt in pure Python.

Copied from the packages that the build itself runs with, so that the guest and the build speak of the same version.
The guest's copy holds source files only, in a fixed order and form: equal input gives an equal component.
"""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HOST_ONLY", "support_tree"]

#: Parts of durable_dsl that run on the host only: the engine, what tests and command lines use, and what starts them.
HOST_ONLY = ("engine", "cli", "testing", "__main__.py")

_PACKAGES = {"durable_dsl": HOST_ONLY, "wrapt": ()}
#: wrapt looks for its extension and takes the Python form where it is not there.
_SKIPPED = {"__pycache__"}
#: The modules of wrapt that its proxies are made of.
_PROXIES = {"__init__.py", "__wrapt__.py", "exceptions.py", "wrappers.py"}
_ONLY_PROXIES = '''"""The proxies of wrapt, which is all of it that this component needs."""

from .__wrapt__ import BoundFunctionWrapper, CallableObjectProxy, FunctionWrapper
'''
#: 1980-01-01, the time that everything here is said to be from.
_TIME = 315_532_800


def support_tree(into: Path, *, whole_wrapt: bool = True) -> None:
    """Copy it into the folder `into`, in place of what is there.

    Without `whole_wrapt`, wrapt is only the proxies that durable_dsl is made with: the rest of it imports asyncio,
    email and much else of the standard library, which a guest without a use for them need not start with.
    """
    if into.exists():
        shutil.rmtree(into)
    for package, left_out in _PACKAGES.items():
        root = _folder_of(package)
        for file in _sources(root, left_out):
            target = into / package / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / file, target)
            os.utime(target, (_TIME, _TIME))
    if not whole_wrapt:
        wrapt = into / "wrapt"
        for file in [path for path in wrapt.rglob("*.py") if path.name not in _PROXIES]:
            file.unlink()
        (wrapt / "__init__.py").write_text(_ONLY_PROXIES, encoding="utf-8")
        os.utime(wrapt / "__init__.py", (_TIME, _TIME))


def _folder_of(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None, f"{package} is installed wherever this module is"
    assert spec.origin is not None, f"{package} is a package of files"
    return Path(spec.origin).parent


def _sources(root: Path, left_out: tuple[str, ...]) -> Iterator[Path]:
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        if relative.parts[0] not in left_out and not _SKIPPED & set(relative.parts):
            yield relative
