"""A finding of `durable-dsl check`: what, where, why, and what to do, under a code that keeps its meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from durable_codegen.catalogue import CATALOGUE

if TYPE_CHECKING:
    from durable_codegen.analysis.reading.flow import Event
    from durable_codegen.analysis.reading.reach import Case
    from durable_codegen.analysis.reading.regions import Region
    from durable_codegen.app.modules import Module

__all__ = ["Finding", "Related", "at", "related"]

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Related:
    """A further place that a finding is about: the region around it, or a call on the way to it."""

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `why` is a sentence or two, `hint` what to do; `note` is information that fails nothing."""

    code: str
    severity: Severity
    file: str
    line: int
    column: int
    message: str
    why: str = ""
    hint: str = ""
    related: tuple[Related, ...] = ()

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise ValueError(f"{self.code} is not in the catalogue of faults")


def at(
    event: Event,
    code: str,
    severity: Severity,
    message: str,
    why: str = "",
    hint: str = "",
    related: tuple[Related, ...] = (),
) -> Finding:
    """A finding at the place of an event."""
    return Finding(code, severity, event.function.module.file, event.line, event.column, message, why, hint, related)


def on(
    module: Module, line: int, column: int, code: str, severity: Severity, message: str, why: str = "", hint: str = ""
) -> Finding:
    """A finding at a place of a module; `column` counts from 1."""
    return Finding(code, severity, module.file, line, column, message, why, hint)


def related(region: Region, case: Case | None = None) -> tuple[Related, ...]:
    """The region around a case, and the calls on the way to it."""
    places = [Related(region.file, region.line, f"the region: {region}")]
    calls = case.chain if case is not None else ()
    places += [
        Related(call.function.module.file, call.line, f"calls {call.callee.name}")
        for call in calls
        if call.callee is not None
    ]
    return tuple(places)
