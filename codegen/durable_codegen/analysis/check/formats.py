"""Findings in the forms that people, editors and code hosts read: text, JSON, SARIF 2.1.0, GitHub's annotations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from durable_codegen.catalogue import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from durable_codegen.analysis.check.groups import Report
    from durable_codegen.analysis.finding import Finding

__all__ = ["github", "sarif", "text", "to_json"]

_COLORS: Final = {"error": "1;31", "warning": "1;33", "note": "1;36"}
_SARIF: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def text(report: Report, *, color: bool = False) -> str:
    """One block a finding: `orders.py:12:5: error DSL502: …`, below it why and what to do, once; then the count."""
    blocks: list[str] = []
    said: set[tuple[str, str, str]] = set()
    for finding in report.findings:
        key = (finding.code, finding.why, finding.hint)
        blocks.append(_block(finding, color=color, briefly=key in said))
        said.add(key)
    return "\n".join([*blocks, summary(report)])


def summary(report: Report) -> str:
    """`Found 1 error, 2 warnings in 3 files.`"""
    counts = [
        f"{count} {name}{'' if count == 1 or name == 'information' else 's'}"
        for severity, name in (("error", "error"), ("warning", "warning"), ("note", "information"))
        if (count := sum(finding.severity == severity for finding in report.findings))
    ]
    files = f"{report.files} file{'' if report.files == 1 else 's'}"
    suppressed = f" ({report.suppressed} suppressed)" if report.suppressed else ""
    if not counts:
        return f"No findings in {files}{suppressed}."
    return f"Found {', '.join(counts)} in {files}{suppressed}."


def _block(finding: Finding, *, color: bool, briefly: bool) -> str:
    place = f"{finding.file}:{finding.line}:{finding.column}:"
    label = f"{_said(finding)} {finding.code}:"
    if color:
        place = f"\x1b[1m{place}\x1b[0m"
        label = f"\x1b[{_COLORS[finding.severity]}m{label}\x1b[0m"
    lines = [f"{place} {label} {finding.message}"]
    if not briefly:
        lines += [f"    {part}" for part in (finding.why, finding.hint and f"→ {finding.hint}") if part]
    return "\n".join(lines)


def _said(finding: Finding) -> str:
    return "info" if finding.severity == "note" else finding.severity


def to_json(report: Report) -> dict[str, Any]:
    """The form of `check --json`; severities are "error", "warning" and "note"."""
    return {
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "file": finding.file,
                "line": finding.line,
                "column": finding.column,
                "message": finding.message,
                "why": finding.why,
                "hint": finding.hint,
                "related": [{"file": each.file, "line": each.line, "message": each.text} for each in finding.related],
            }
            for finding in report.findings
        ],
        "suppressed": report.suppressed,
        "files": report.files,
    }


def github(report: Report) -> str:
    """Workflow commands that GitHub shows as annotations of a change."""
    levels = {"error": "error", "warning": "warning", "note": "notice"}
    return "\n".join(
        f"::{levels[finding.severity]} file={_property(finding.file)},line={finding.line},col={finding.column},"
        f"title={finding.code}::{_data(_whole(finding))}"
        for finding in report.findings
    )


def _whole(finding: Finding) -> str:
    return "\n".join(filter(None, (finding.message, finding.why, finding.hint)))


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def sarif(report: Report, version: str) -> dict[str, Any]:
    """A SARIF log with one run."""
    codes = sorted({finding.code for finding in report.findings})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": CATALOGUE[code].title},
            "fullDescription": {"text": CATALOGUE[code].text},
        }
        for code in codes
    ]
    driver = {"name": "durable-dsl", "version": version, "rules": rules}
    results = [_result(finding, codes.index(finding.code)) for finding in report.findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}


def _result(finding: Finding, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": _whole(finding)},
        "locations": [_location(finding.file, finding.line, finding.column)],
    }
    if finding.related:
        result["relatedLocations"] = list(_related(finding))
    return result


def _related(finding: Finding) -> Iterable[dict[str, Any]]:
    for number, each in enumerate(finding.related):
        yield {"id": number, **_location(each.file, each.line), "message": {"text": each.text}}


def _location(file: str, line: int, column: int | None = None) -> dict[str, Any]:
    region = {"startLine": max(line, 1)} | ({} if column is None else {"startColumn": max(column, 1)})
    return {"physicalLocation": {"artifactLocation": {"uri": file.replace("\\", "/")}, "region": region}}
