"""Comments that say that a finding is known and wanted: `# durable-dsl: ignore[DSL501] reason`.

On the line of the finding, or on a line of its own above it. The codes and the reason are part of it: a suppression
without a reason is a finding (DSL590), and so is one that suppresses nothing (DSL591).
"""

from __future__ import annotations

import io
import re
import tokenize
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from durable_codegen.analysis.finding import Finding, on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from durable_codegen.app.modules import Module

__all__ = ["suppress"]

_COMMENT: Final = re.compile(r"#\s*durable-dsl:\s*ignore\b\s*(?:\[(?P<codes>[^\]]*)\])?\s*(?P<reason>.*)")


@dataclass
class _Suppression:
    """One comment, and the line that it speaks of."""

    module: Module
    line: int
    column: int
    about: int
    codes: tuple[str, ...]
    reason: str
    used: set[str] = field(default_factory=set)


def suppress(
    findings: Iterable[Finding], modules: Iterable[Module], is_wanted: Callable[[str], bool]
) -> tuple[list[Finding], int]:
    """The findings that stay, those about suppressions included, and how many were suppressed.

    `is_wanted` says whether a code is looked for at all: a suppression of one that is not cannot be called unused.
    """
    suppressions = [found for module in modules for found in _read(module)]
    by_place: dict[tuple[str, int, str], list[_Suppression]] = {}
    for each in suppressions:
        for code in each.codes:
            by_place.setdefault((each.module.file, each.about, code), []).append(each)
    kept: list[Finding] = []
    count = 0
    for finding in findings:
        matching = by_place.get((finding.file, finding.line, finding.code), [])
        for each in matching:
            each.used.add(finding.code)
        count += bool(matching)
        if not matching:
            kept.append(finding)
    return [
        *kept,
        *(each for found in suppressions for each in _about(found, is_wanted) if is_wanted(each.code)),
    ], count


def _about(found: _Suppression, is_wanted: Callable[[str], bool]) -> Iterator[Finding]:
    hint = "write # durable-dsl: ignore[CODE] and why the finding does not matter here"
    if not found.codes:
        message = "this suppression names no code"
        yield on(found.module, found.line, found.column, "DSL590", "warning", message, "", hint)
        return
    if not found.reason:
        message = f"the suppression of {', '.join(found.codes)} gives no reason"
        why = "Whoever reads the line next has to know whether it still holds."
        yield on(found.module, found.line, found.column, "DSL590", "warning", message, why, hint)
    unused = [code for code in found.codes if code not in found.used and is_wanted(code)]
    if unused:
        message = f"nothing here is suppressed by ignore[{', '.join(unused)}]"
        yield on(found.module, found.line, found.column, "DSL591", "warning", message, "", "remove it")


def _read(module: Module) -> Iterator[_Suppression]:
    if not module.path.is_file():
        return
    text = "\n".join(module.source_lines) + "\n"
    if "durable-dsl:" not in text:
        return
    pending: list[_Suppression] = []
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, IndentationError):
        return
    for token in tokens:
        if token.type == tokenize.COMMENT:
            match = _COMMENT.match(token.string)
            if match is None:
                continue
            line, column = token.start
            codes = tuple(each.strip() for each in (match["codes"] or "").split(",") if each.strip())
            found = _Suppression(module, line, column + 1, line, codes, match["reason"].strip(" -–—:"))
            if token.line[:column].strip():
                yield found
            else:
                pending.append(found)
        elif token.type not in {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}:
            for found in pending:
                found.about = token.start[0]
                yield found
            pending.clear()
