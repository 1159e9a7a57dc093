"""The page on the check: each finding has an example that has it, and one that has not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from durable_codegen.catalogue.findings import FINDINGS
from tests.analysis.checked import report_of, write

PAGE = Path(__file__).parents[2] / "docs" / "check.md"
EXAMPLES = dict(
    re.findall(r'```python title="(dsl\d+_\w+\.py)"\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL)
)


def test_every_finding_is_on_the_page():
    """With both examples."""
    wanted = {f"{code.lower()}_{kind}.py" for code in FINDINGS for kind in ("bad", "good")}

    assert wanted == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_are_what_they_are_said_to_be(tmp_path, name):
    """The bad one has the finding, and no error or warning but that; the good one has it not, and none either."""
    write(tmp_path, {name: EXAMPLES[name]})
    code = name[:6].upper()
    findings = report_of(tmp_path, name).findings
    others = [finding for finding in findings if finding.severity != "note" and finding.code != code]

    assert [] == others
    assert name.endswith("_bad.py") is (code in {finding.code for finding in findings})
