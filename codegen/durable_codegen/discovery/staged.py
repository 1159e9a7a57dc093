"""The app as the guest will have it: copied into a folder, its imports checked, and scanned there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from durable_codegen.app.imports import check_imports
from durable_codegen.app.modules import Root
from durable_codegen.app.staging import app_files, stage
from durable_codegen.app.support import support_tree
from durable_codegen.discovery.scan import scan
from durable_codegen.faults import BuildFailed, Fault, errors_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from durable_codegen.app.modules import Module
    from durable_codegen.discovery.scan import Scan
    from durable_codegen.project.config import Settings

__all__ = ["Staged", "stage_and_scan"]


@dataclass(frozen=True, slots=True)
class Staged:
    """The app's files, the folder that they were copied to, what is imported late, and what the scan found."""

    files: Mapping[str, Path]
    folder: Path
    late: tuple[str, ...]
    found: Scan


def stage_and_scan(
    settings: Settings,
    work: Path,
    root: Root,
    modules: Mapping[str, Module],
    faults: list[Fault],
    *,
    also: Sequence[str] = (),
    provided: frozenset[str] = frozenset(),
    hints: bool = False,
) -> Staged:
    """Stage the app below `work`, where `bindings` and `vendored` are, and scan it.

    `also` are further modules to import, `provided` the first parts of the names of the bindings, `hints` says whether
    type hints matter. Faults that leave something to look at go to `faults`.
    """
    files = app_files(settings.app.root, modules.values(), settings.include)
    folder, vendored = work / "app", work / "vendored"
    stage(files, folder)
    support_tree(work / "support", whole_wrapt=_names_wrapt(modules.values()))
    check = check_imports(settings.app.module, modules, [root, Root(vendored, "vendored")], provided=provided)
    faults += check.faults
    path = [work / "bindings", folder, vendored, work / "support"]

    def shown(file: str) -> str:
        given = Path(file)
        if given.is_relative_to(folder):
            relative = given.relative_to(folder).as_posix()
            return f"{root.shown}/{relative}" if root.shown else relative
        return next((given.relative_to(each).as_posix() for each in path if given.is_relative_to(each)), file)

    if any(fault.code == "DSL211" for fault in faults):
        # What does not parse does not import; Python would say the same again.
        raise BuildFailed(faults)
    try:
        found = scan(
            settings.app.module,
            path,
            folder,
            bindings=path[0],
            shown=shown,
            also=also,
            late=[name for name in check.late if name in modules and modules[name].root.kind == "app"],
            timeout=settings.import_timeout,
            missing_are_known=errors_in(faults),
            hints=hints,
        )
    except BuildFailed as failed:
        raise BuildFailed([*faults, *failed.faults]) from failed
    if settings.app.module not in found.modules:
        raise BuildFailed([*faults, *found.faults, *_elsewhere(settings, errors_in([*faults, *found.faults]))])
    return Staged(files, folder, check.late, found)


def _names_wrapt(modules: Iterable[Module]) -> bool:
    """Whether the app or one of its packages imports wrapt for itself."""
    return any(each.module.partition(".")[0] == "wrapt" for module in modules for each in module.imports)


def _elsewhere(settings: Settings, told: bool) -> Iterator[Fault]:
    """What to say where importing the app has loaded something else; nothing where more has been `told` already."""
    if not told:
        module = settings.app.module
        message = f"the Python that runs the build has a module {module} of its own, which comes before the app"
        yield Fault("DSL213", message, settings.shown(settings.app.path), 1, "rename the app")
