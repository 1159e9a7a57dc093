"""The build, stage by stage: vendor, wit, scan, plan, emit, componentize, report.

Each stage leaves faults behind rather than stopping where the next one can still find more; what stops the build
carries all that were found. Work is done in a folder that goes away; the output appears in its place only when it is
whole. An unchanged input is answered from the record of the last build before anything heavy is imported.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_codegen.component import cache
from durable_codegen.component.report import SECTION, Result, exports_of, section
from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.source.outputs import check_component, check_emitted, make_folder, unwritable
from durable_codegen.wit.toolchain import tool_versions
from durable_dsl import temporary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from durable_codegen.front import Front
    from durable_codegen.project.config import Settings

__all__ = ["STAGES", "build", "emit_only", "inferred_wit", "write_bindings"]

#: The names of the stages, in order.
STAGES = ("vendor", "wit", "scan", "plan", "emit", "componentize", "report")

Progress = "Callable[[str], None]"


@dataclass
class _Clock:
    """Times the stages and says when each begins."""

    progress: Callable[[str], None]
    stages: list[tuple[str, float]] = field(default_factory=list)
    start: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.progress(name)
        if name == "scan":  # another process imports the app meanwhile
            threading.Thread(target=_make_ready, daemon=True).start()
        begin = time.perf_counter()
        yield
        self.stages.append((name, time.perf_counter() - begin))

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start


def build(settings: Settings, *, progress: Callable[[str], None] | None = None, force: bool = False) -> Result:
    """Build the component. Raises BuildFailed with every fault that was found."""
    clock = _Clock(progress or (lambda _stage: None))
    tools = tool_versions()
    key = cache.key_of(settings, tools)
    record = cache.record_path(settings)
    saved = None if force else cache.load(record, key, settings.output)
    if saved is not None:
        return _cached(settings, saved, clock)
    check_component(settings)
    from durable_codegen.component.componentize import componentize
    from durable_codegen.component.section import append_sections, replacing
    from durable_codegen.front import run_front

    with _paths_of(settings), _work_folder() as work:
        front = run_front(settings, work, clock.stage)
        with clock.stage("emit"):
            _write_generated(front, work / "generated", settings)
        built = work / "component.wasm"
        with clock.stage("componentize"), ThreadPoolExecutor(1) as beside:
            sections = beside.submit(_sections, front, settings)
            notes = beside.submit(_overlaps, front, settings)
            folders = [work / "generated", front.app_folder, front.vendored, work / "support"]
            shown = [None, front.app_root.shown, "", None]
            componentize(front.composed, "durable_wrapper", folders, built, preload=front.preload, shown=shown)
            append_sections(built, sections.result())
            front.plan = replace(front.plan, faults=(*front.plan.faults, *notes.result()))
        with clock.stage("report"):
            _put(built, settings.output, replacing)
            exports = exports_of(front.plan)
            saved = _to_save(front, exports, settings)
            cache.save(record, key, settings.output, front.inputs, saved)
    return Result(
        output=settings.output,
        exports=exports,
        size=settings.output.stat().st_size,
        seconds=clock.seconds,
        cached=False,
        faults=_in_the_project(front.plan.faults, settings),
        stages=tuple(clock.stages),
        target=front.plan.target.name,
        world=str(saved["world"]),
        printed=front.printed,
        packages=front.packages,
    )


def _make_ready() -> None:
    """Load what writing the wrapper needs, while the build waits for other processes. What fails, fails again there."""
    with suppress(Exception):
        from durable_codegen.emit.wrapper import WRAPPER, template

        template(f"{WRAPPER.removeprefix('durable_')}.py.jinja")


def _sections(front: Front, settings: Settings) -> dict[str, bytes]:
    """The custom sections of a component, by name."""
    from durable_codegen.analysis.explain.section import EXPLAINED, explained

    about = section(
        front.plan,
        settings.name,
        version("durable-dsl"),
        front.app_root.shown,
        front.modules,
        front.packages,
        settings.snapshots,
    )
    told = explained(front.modules, exports_of(front.plan), overlapping=settings.overlapping)
    return {SECTION: about, EXPLAINED: told}


def emit_only(settings: Settings, into: Path, *, progress: Callable[[str], None] | None = None) -> tuple[Fault, ...]:
    """Write wrapper, host module, world and bindings into a folder; the warnings and notes come back."""
    from durable_codegen.emit.wrapper import HOST, WRAPPER
    from durable_codegen.front import run_front

    clock = _Clock(progress or (lambda _stage: None))
    make_folder(into)
    check_emitted(into, (f"{WRAPPER}.py", f"{HOST}.py"))
    with _paths_of(settings), _work_folder() as work:
        front = run_front(settings, work, clock.stage)
        front.plan = replace(front.plan, faults=(*front.plan.faults, *_overlaps(front, settings)))
        with clock.stage("emit"):
            _write_generated(front, into, settings)
            _copy_anew(front.composed.wit, into / "wit")
            _copy_anew(front.bindings, into / "bindings")
    return _in_the_project(front.plan.faults, settings)


def inferred_wit(settings: Settings) -> tuple[str, tuple[Fault, ...]]:
    """The world of an app without WIT as text, and how it differs from the committed one."""
    from durable_codegen.front import run_inference

    with _paths_of(settings), _work_folder() as work:
        return run_inference(settings, work)


def write_bindings(settings: Settings, into: Path) -> None:
    """Write the stubs of the world, with the host functions that the app uses and the names that it knows."""
    from durable_codegen.front import run_bindings

    make_folder(into)
    with _paths_of(settings), _work_folder() as work:
        run_bindings(settings, work, into)


def _overlaps(front: Front, settings: Settings) -> list[Fault]:
    """Notes on requests of several tasks, which will go one after another."""
    if settings.overlapping or not any(each.module == "durable_dsl.http" for each in front.composed.features):
        return []
    from durable_codegen.analysis.findings.concurrency import concurrency
    from durable_codegen.analysis.reading.reach import Analysis

    own = {module.file for module in front.modules.values() if module.root.kind == "app"}
    return [
        Fault(each.code, each.message, each.file, each.line, each.hint, severity="note")
        for each in concurrency(Analysis(front.modules))
        if each.file in own
    ]


def _cached(settings: Settings, saved: dict[str, Any], clock: _Clock) -> Result:
    return Result(
        output=settings.output,
        exports=tuple(saved["exports"]),
        size=settings.output.stat().st_size,
        seconds=clock.seconds,
        cached=True,
        faults=tuple(Fault(**each) for each in saved["faults"]),
        stages=(),
        target=saved["target"],
        world=saved["world"],
        packages=tuple((name, number) for name, number in saved.get("packages", ())),
    )


def _to_save(front: Front, exports: tuple[dict[str, Any], ...], settings: Settings) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "exports": list(exports),
        "faults": [asdict(fault) for fault in _in_the_project(front.plan.faults, settings)],
        "target": front.plan.target.name,
        "world": f"{front.plan.world.package}/{front.plan.world.name}",
        "name": settings.name,
        "packages": front.packages,
    }


def _write_generated(front: Front, into: Path, settings: Settings) -> None:
    """The generated modules, and for a build what the guest needs to know the bindings by the app's names."""
    from durable_codegen.app.libraries import GENERATED as LIBRARIES
    from durable_codegen.emit.bindings import write_guest_aliases
    from durable_codegen.emit.wrapper import Header, emit, write

    header = Header(version("durable-dsl"), settings.shown(settings.app.path), front.digest[:12])
    files = emit(
        front.plan,
        front.composed,
        front.stubs,
        front.modules,
        header,
        late=front.late,
        components=settings.components,
        overlapping=settings.overlapping,
    )
    write(files, into)
    aliases = write_guest_aliases(front.composed, into, aliases=front.aliases)
    front.preload = tuple(filter(None, (aliases, LIBRARIES if f"{LIBRARIES}.py" in files else None)))


def _put(built: Path, output: Path, replacing: Callable[[Path], Any]) -> None:
    import shutil

    try:
        with replacing(output) as part:
            shutil.copyfile(built, part)
    except OSError as error:
        raise BuildFailed([unwritable(str(output), error)]) from error


def _copy_anew(source: Path, target: Path) -> None:
    import shutil

    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target)


@contextmanager
def _work_folder() -> Iterator[Path]:
    with temporary.folder() as folder:
        # Resolved, because paths are compared: a temporary folder may be a link.
        yield Path(folder).resolve()


@contextmanager
def _paths_of(settings: Settings) -> Iterator[None]:
    """Faults name files as seen from the project's root, also those that were found from the working directory."""
    try:
        yield
    except BuildFailed as failed:
        raise BuildFailed(_in_the_project(failed.faults, settings)) from failed


def _in_the_project(faults: Iterable[Fault], settings: Settings) -> tuple[Fault, ...]:
    return tuple(replace(fault, file=_in_project(fault.file, settings)) for fault in faults)


def _in_project(file: str | None, settings: Settings) -> str | None:
    if file is None or (not Path(file).is_absolute() and (settings.root / file).exists()):
        return file
    path = Path(file).resolve()
    return settings.shown(path) if path.exists() else file
