"""The data files that a component holds in memory: how much they are, and whether that is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from durable_codegen.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path, PurePath

__all__ = ["data_faults"]

#: As the guest sees it, which keeps the files (see durable_dsl.binding.packages.data).
_CODE: Final = frozenset({".py", ".pyc", ".pyi", ".so"})
_MEGABYTE: Final = 1_000_000
_SHOWN: Final = 5


def data_faults(roots: Sequence[Path], limit: float) -> Iterator[Fault]:
    """A fault where the data files under the roots have more than so many megabytes, a note on more than one."""
    sizes = {
        path.relative_to(root).as_posix(): path.stat().st_size
        for root in roots
        for path in sorted(root.rglob("*"))
        if _is_data(path.relative_to(root)) and path.is_file()
    }
    whole = sum(sizes.values()) / _MEGABYTE
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:_SHOWN]
    listed = ", ".join(f"{name} ({sizes[name] / _MEGABYTE:.1f} MB)" for name in largest)
    if whole > limit:
        message = f"the data files of the app and its packages have {whole:.1f} MB, more than {limit:g}"
        hint = "a component holds them in memory: leave out what it does not read, or raise the setting data-limit"
        yield Fault("DSL307", message, hint=hint, detail=f"The largest: {listed}.")
    elif whole > 1:
        message = f"the component holds {whole:.1f} MB of data files; the largest: {listed}"
        yield Fault("DSL308", message, severity="note")


def _is_data(path: PurePath) -> bool:
    hidden = any(part == "__pycache__" or part.endswith(".dist-info") for part in path.parts)
    return not hidden and path.suffix not in _CODE
