"""The component itself: componentize-py's run, and the checks that what came out is what was planned.

The output is written beside its place and moved there at the end, so that a failed or interrupted build leaves what
was there before.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from durable_codegen.component.guest_failures import faults_of
from durable_codegen.component.section import replacing
from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.source.names import InterfaceId
from durable_codegen.wit.json_form import Document, WitError, read_document
from durable_codegen.wit.toolchain import run_componentize_py, run_wasm_tools
from durable_dsl import temporary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from durable_codegen.world.compose import Composed

__all__ = ["componentize"]

#: What the guest's Python and C library import on their own account.
_RUNTIME_PACKAGES = {"cli", "clocks", "filesystem", "io", "random", "sockets"}
#: The instance through which componentize-py starts the guest while it builds.
_RUNTIME_EXPORT = "exports"
_START = "durable_start"


def componentize(
    composed: Composed,
    entry_module: str,
    python_paths: Sequence[Path],
    output: Path,
    *,
    preload: Sequence[str] = (),
    shown: Sequence[str | None] | None = None,
) -> None:
    """Build the component whose guest imports `entry_module` from `python_paths`, in this order, into `output`.

    `preload` are modules to import before that. `shown` says what users call each of the folders in a traceback: "" for
    the app's own, None for folders of the build's, whose frames are left out; without it a folder goes by its path from
    here.
    """
    names = [_from_here(path) for path in python_paths] if shown is None else list(shown)
    with replacing(output) as part, temporary.folder() as start:
        _write_start(Path(start), entry_module, preload)
        # Last on the path, so that the other folders keep their numbers in what the guest prints.
        paths = [f"--python-path={path}" for path in (*python_paths, start)]
        done = run_componentize_py([*composed.arguments, "componentize", *paths, f"--output={part}", _START])
        if done.failed:
            raise BuildFailed(faults_of(done.stderr, [*names, None]))
        if faults := list(_checked(part, composed)):
            raise BuildFailed(faults)


def _write_start(folder: Path, entry_module: str, preload: Sequence[str]) -> None:
    """The module that the guest imports first. It stands for the entry module in every way once it is imported.

    Without the setting, the guest would write its bytecode beside the user's sources.
    """
    lines = ["import sys", "sys.dont_write_bytecode = True"]
    lines += [f"import {name}" for name in preload]
    lines += [f"import {entry_module}", f'sys.modules[__name__] = sys.modules["{entry_module}"]', ""]
    (folder / f"{_START}.py").write_text("\n".join(lines), encoding="utf-8")


def _from_here(path: Path) -> str:
    relative = os.path.relpath(path)
    return "" if relative == "." else relative


def _checked(component: Path, composed: Composed) -> Iterator[Fault]:
    """What is wrong with a component that was just built; both tools read it at the same time."""
    with ThreadPoolExecutor(2) as pool:
        validated = pool.submit(run_wasm_tools, ["validate", component])
        described = pool.submit(read_document, component)
    if validated.result().failed:
        detail = validated.result().stderr.strip()
        yield Fault("DSL111", "the built component does not validate", detail=detail)
        return
    try:
        document = described.result()
    except WitError as error:
        yield Fault("DSL111", "the world of the built component cannot be read", detail=str(error))
        return
    yield from _differences(document, composed)


def _differences(document: Document, composed: Composed) -> Iterator[Fault]:
    (world,) = (entry for entry in document.worlds if entry["name"] == "root")
    built = document.interfaces_of(world, "imports")
    planned = _by_track(composed.imports)
    found = _by_track({name: document.interface(at)["functions"] for name, at in built.items()})
    for name in sorted(found.keys() - planned.keys()):
        if not _is_runtime(name):
            yield Fault("DSL111", f"the component imports {name}, which was not planned")
    for name in sorted(planned):
        missing = planned[name] - found.get(name, set())
        if missing:
            yield Fault("DSL111", f"the component does not import {', '.join(sorted(missing))} of {name}")
        extra = found.get(name, set()) - planned[name]
        if extra and not _is_runtime(name):
            yield Fault("DSL111", f"the component imports {', '.join(sorted(extra))} of {name}, which was not planned")
    exports = {_track(name) for _, name, _ in document.items(world, "exports")} - {_RUNTIME_EXPORT}
    wanted = {_track(name) for name in composed.exports}
    if exports != wanted:
        yield Fault("DSL111", f"the component exports {_listed(exports)} where {_listed(wanted)} was planned")


def _by_track(interfaces: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """The functions of each interface; its versions that fit together count as one."""
    found: dict[str, set[str]] = {}
    for name, functions in interfaces.items():
        found.setdefault(_track(name), set()).update(functions)
    return found


def _track(name: str) -> str:
    """An interface's name with as much of its version as decides what fits: such versions become one in a component."""
    this = InterfaceId.parse(name)
    found = re.fullmatch(r"([1-9]\d*|0\.[1-9]\d*|0\.0\.\d+)(?:\.\d+)*", this.version)
    return str(this._replace(version=found[1])) if found else name


def _is_runtime(name: str) -> bool:
    this = InterfaceId.parse(name)
    return this.namespace == "wasi" and this.package in _RUNTIME_PACKAGES


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
