"""Sources in which comments say what is found: `# finds DSL501` on the line of the finding."""

from __future__ import annotations

import re
from textwrap import dedent

from durable_codegen.analysis.check.groups import check
from durable_codegen.analysis.reading.sources import find_sources

#: Information is expected only by sources that speak of it.
INFORMATION = {"DSL504", "DSL514", "DSL515", "DSL520", "DSL523"}

_EXPECTED = re.compile(r"# finds (DSL\d{3}(?:, DSL\d{3})*)")


def expected_in(files):
    """(file, line, code) for each comment."""
    return {
        (name, number, code)
        for name, text in files.items()
        for number, line in enumerate(text.splitlines(), 1)
        for found in _EXPECTED.findall(line)
        for code in found.split(", ")
    }


def write(folder, sources):
    """Write sources, dedented, into a folder; gives their text."""
    files = {name: dedent(text).lstrip("\n") for name, text in sources.items()}
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return files


def report_of(folder, app=None, **options):
    """What check says of an app, or of all files of a folder."""
    return check(find_sources([] if app is None else [app], {}, folder=folder), **options)


def assert_finds(folder, source, **more):
    """Check finds exactly what the comments say."""
    files = write(folder, {"app.py": source, **{f"{name}.py": text for name, text in more.items()}})
    report = report_of(folder, "app.py")
    mentioned = {code for _, _, code in expected_in(files)}
    found = {
        (finding.file, finding.line, finding.code)
        for finding in report.findings
        if finding.code not in INFORMATION or finding.code in mentioned
    }

    assert expected_in(files) == found, [
        f"{each.file}:{each.line} {each.code} {each.message}" for each in report.findings
    ]
    return report
