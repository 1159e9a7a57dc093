"""`durable-dsl check`: every group of findings over one set of sources, less what is suppressed or not asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_codegen.analysis.check.suppressions import suppress
from durable_codegen.analysis.finding import Finding
from durable_codegen.analysis.findings.compensation import compensation
from durable_codegen.analysis.findings.concurrency import concurrency
from durable_codegen.analysis.findings.guest_code import guest_code
from durable_codegen.analysis.findings.in_regions import in_regions
from durable_codegen.analysis.findings.retrying import retrying
from durable_codegen.analysis.findings.state import state
from durable_codegen.analysis.findings.steering import steering
from durable_codegen.analysis.findings.swallowing import swallowing
from durable_codegen.analysis.reading.exports import find_exports
from durable_codegen.analysis.reading.reach import Analysis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from durable_codegen.analysis.reading.sources import Sources

__all__ = ["Report", "check"]


@dataclass(frozen=True, slots=True)
class Report:
    """The findings by file and line, how many more are suppressed, and how many files were looked at."""

    findings: tuple[Finding, ...]
    suppressed: int
    files: int

    @property
    def fails(self) -> bool:
        """Whether anything but information remains."""
        return any(finding.severity != "note" for finding in self.findings)


def check(sources: Sources, *, select: Sequence[str] = (), ignore: Sequence[str] = ()) -> Report:
    """Look for everything. `select` and `ignore` hold codes, or beginnings of codes such as DSL51."""

    def is_wanted(code: str) -> bool:
        return (not select or code.startswith(tuple(select))) and not code.startswith(tuple(ignore) or ("-",))

    found = [finding for finding in _findings(sources) if is_wanted(finding.code)]
    kept, suppressed = suppress(dict.fromkeys(found), sources.modules.values(), is_wanted)
    kept.sort(key=lambda finding: (finding.file, finding.line, finding.column, finding.code))
    return Report(tuple(kept), suppressed, len(sources.modules) + len(sources.faults))


def _findings(sources: Sources) -> Iterator[Finding]:
    for fault in sources.faults:
        yield Finding(fault.code, "error", fault.file or "", fault.line or 1, 1, fault.message, "", fault.hint)
    analysis = Analysis(sources.modules)
    exports = find_exports(analysis, sources.app, sources.world)
    yield from swallowing(analysis)
    yield from retrying(analysis, sources.target)
    yield from in_regions(analysis, sources.target)
    yield from compensation(analysis)
    yield from steering(analysis, [exported.function for exported in exports])
    yield from state(analysis, exports)
    yield from guest_code(analysis)
    if not sources.overlapping:
        yield from concurrency(analysis)
