"""The first stages of a build without WIT: scan the app, infer its world, and compare that with the committed one."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_codegen.app.modules import Root, reachable
from durable_codegen.app.places import Places
from durable_codegen.discovery.staged import stage_and_scan
from durable_codegen.faults import BuildFailed, Fault, errors_in
from durable_codegen.infer.names import name_types
from durable_codegen.infer.text import world_text
from durable_codegen.infer.world import infer
from durable_codegen.plan.checks import check_names
from durable_codegen.project.config import DEFAULT_WORLD_MODULE
from durable_codegen.source.names import kebab
from durable_codegen.world.committed import compare_with

if TYPE_CHECKING:
    from pathlib import Path

    from durable_codegen.discovery.staged import Staged
    from durable_codegen.infer.world import Inferred
    from durable_codegen.project.config import Settings

__all__ = ["CodeFirst", "check_committed", "infer_world"]


@dataclass(frozen=True, slots=True)
class CodeFirst:
    """An app and the world that was inferred from it: `wit` is the file, `text` what stands in it."""

    inferred: Inferred
    wit: Path
    text: str
    staged: Staged


def infer_world(settings: Settings, work: Path, faults: list[Fault]) -> CodeFirst:
    """Infer the world of an app whose dependencies are in `work`. Raises BuildFailed with all that is wrong."""
    shown = settings.shown(settings.app.root)
    root = Root(settings.app.root, "app", "" if shown == "." else shown)
    modules, broken = reachable([settings.app.module], [root, Root(work / "vendored", "vendored")])
    faults += broken
    if named := tuple(check_names(modules.values(), settings.app.module, settings.bindings_module)):
        raise BuildFailed([*faults, *named])
    app = modules.get(settings.app.module)
    if app is None and not broken:
        raise BuildFailed([*faults, Fault("DSL209", f"there is no module {settings.app.module}")])
    bindings = {DEFAULT_WORLD_MODULE, settings.world_module or DEFAULT_WORLD_MODULE}
    for module in modules.values():
        for each in module.imports:
            if module.root.kind == "app" and each.module.partition(".")[0] in bindings and not each.guarded:
                raise BuildFailed([*faults, _no_wit(settings, module.file, each.line)])
    name = kebab(settings.world_name)
    if name is None:
        message = f"the component's name {settings.world_name!r} has no form in WIT"
        hint = "set name under [tool.durable-dsl]: letters a to z, digits and -"
        raise BuildFailed([*faults, Fault("DSL606", message, settings.shown(settings.app.path), hint=hint)])
    staged = stage_and_scan(settings, work, root, modules, faults, hints=True)
    faults += staged.found.faults
    inferred = infer(name, settings.app.module, staged.found, modules, faults)
    if inferred is not None:
        functions = {each.name for each in inferred.functions if each.owner is None}
        name_types(inferred.shapes, functions, Places(modules), faults)
    if inferred is None or app is None or errors_in(faults):
        raise BuildFailed(faults)
    text = world_text(inferred, app.file, ast.get_docstring(app.tree) or "")
    wit = work / "inferred" / "world.wit"
    wit.parent.mkdir(parents=True, exist_ok=True)
    wit.write_text(text, encoding="utf-8")
    return CodeFirst(inferred, wit, text, staged)


def check_committed(settings: Settings, first: CodeFirst, faults: list[Fault]) -> None:
    """Note what the committed world says otherwise."""
    if settings.committed is not None:
        faults += compare_with(settings.committed, first.wit, settings.shown(settings.committed))


def _no_wit(settings: Settings, file: str, line: int) -> Fault:
    message = (
        f"the app imports the bindings of a world, and there is no WIT: {settings.shown(settings.wit)} does not exist"
    )
    hint = "write the world into wit/ or name it with --wit; without WIT an app has classes of its own instead"
    return Fault("DSL102", message, file, line, hint)
