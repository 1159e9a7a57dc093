"""A fault is a user's mistake that the build found: what, where, and what to do next.

Every check collects faults rather than stopping at the first, so that one run shows them all. `BuildFailed`
carries them out of a stage that cannot go on. The text form is one line that an editor can jump to
(`orders.py:12: error DSL003: …`) with the hint indented below; the JSON form is that of `build --json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from durable_codegen.catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["CATALOGUE", "BuildFailed", "Fault", "errors_in", "in_order", "render", "to_json"]

Severity = Literal["error", "warning", "note"]

_COLORS = {"error": "1;31", "warning": "1;33", "note": "1;36"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `detail` is text that is shown as it is, such as the user's own traceback."""

    code: str
    message: str
    file: str | None = None
    line: int | None = None
    hint: str = ""
    severity: Severity = "error"
    detail: str = ""

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise ValueError(f"{self.code} is not in the catalogue of faults")

    @property
    def place(self) -> str:
        """`file:line`, as far as it is known."""
        if self.file is None:
            return ""
        return self.file if self.line is None else f"{self.file}:{self.line}"

    def __str__(self) -> str:
        return render([self])


class BuildFailed(Exception):  # noqa: N818 - it is an outcome of a build, named for what the reader sees
    """The build cannot go on; `faults` says why, and may hold warnings and notes too."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = in_order(faults)
        if not errors_in(self.faults):
            # Nobody can act on "0 faults; nothing was built".
            self.faults = in_order(
                [*self.faults, Fault("DSL900", "internal error: the build stopped and named no fault")]
            )
        super().__init__(self.faults)

    def __str__(self) -> str:
        return render(self.faults)


def in_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """The faults by file and line, those without a place first; equal ones once."""
    return tuple(sorted(dict.fromkeys(faults), key=_rank))


def _rank(fault: Fault) -> tuple[str, int, str, str]:
    return fault.file or "", fault.line or 0, fault.code, fault.message


def errors_in(faults: Iterable[Fault]) -> bool:
    """Whether any of the faults stops the build."""
    return any(fault.severity == "error" for fault in faults)


def render(faults: Iterable[Fault], *, color: bool = False) -> str:
    """The faults as text for people, one block each, without a newline at the end."""
    return "\n".join(_block(fault, color=color) for fault in in_order(faults))


def to_json(fault: Fault) -> dict[str, str | int | None]:
    """The form of a fault in `--json`; `detail` is there only if there is one."""
    form: dict[str, str | int | None] = {
        "code": fault.code,
        "severity": fault.severity,
        "file": fault.file,
        "line": fault.line,
        "message": fault.message,
        "hint": fault.hint,
    }
    if fault.detail:
        form["detail"] = fault.detail
    return form


def _block(fault: Fault, *, color: bool) -> str:
    place = f"{fault.place}: " if fault.place else ""
    label = f"{fault.severity} {fault.code}:"
    if color:
        place = f"\x1b[1m{place}\x1b[0m" if place else ""
        label = f"\x1b[{_COLORS[fault.severity]}m{label}\x1b[0m"
    first, *more = fault.message.rstrip("\n").split("\n")
    lines = [f"{place}{label} {first}"]
    lines += _indented(more)
    lines += _indented(fault.detail.rstrip("\n").split("\n") if fault.detail else [])
    lines += _indented(fault.hint.rstrip("\n").split("\n") if fault.hint else [])
    return "\n".join(lines)


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]
