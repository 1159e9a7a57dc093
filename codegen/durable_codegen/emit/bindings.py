"""The bindings of a component's world: stubs for editors, type checkers and the scan.

componentize-py writes them; real bindings come into being only inside a component, under the same names. What is added
are the names that existing code knows (see `aliases`).
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from durable_codegen.emit.aliases import write_alias_packages, write_preload, write_stub_aliases
from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.source.outputs import check_bindings
from durable_codegen.wit.toolchain import run_componentize_py
from durable_codegen.world.used_names import write_used

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from durable_codegen.world.compose import Composed

__all__ = ["generate_bindings", "write_guest_aliases"]

#: Modules that the bindings are made of beside the world module, and that are replaced as a whole.
_OWN = ("componentize_py_async_support", "componentize_py_runtime.pyi", "componentize_py_types.py", "poll_loop.py")


def generate_bindings(composed: Composed, into: Path, *, aliases: Sequence[str] = ()) -> Path:
    """Write the bindings into the folder `into`, in place of those that are there, and give it back.

    `aliases` are dotted names of modules that the bindings shall answer too, as `find_aliases` finds them.
    """
    tops = {composed.world_module.partition(".")[0], *(alias.partition(".")[0] for alias in aliases)}
    check_bindings(into, sorted(tops))
    for name in (composed.world_module.partition(".")[0], *_OWN):
        path = into / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    done = run_componentize_py([*composed.arguments, "bindings", into])
    if done.failed:
        raise BuildFailed([Fault("DSL110", "componentize-py could not write the bindings", detail=done.stderr.strip())])
    write_used(composed.used, into)
    write_stub_aliases(composed, aliases, into)
    write_alias_packages(composed, aliases, into)
    return into


def write_guest_aliases(composed: Composed, into: Path, *, aliases: Sequence[str] = ()) -> str | None:
    """Write what the guest needs of the aliases into a folder of its path.

    The name that comes back is that of a module which has to be imported before anything of the app.
    """
    write_alias_packages(composed, aliases, into)
    return write_preload(composed, aliases, into)
