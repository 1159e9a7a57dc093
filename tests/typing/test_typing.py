"""Signatures survive the marks, and wrong uses are refused, by mypy and by pyright."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

USES = Path(__file__).with_name("uses.py")
ROOT = Path(__file__).parents[2]


def expected_lines() -> list[int]:
    lines = USES.read_text().splitlines()
    return [number for number, line in enumerate(lines, 1) if line.endswith("# wrong")]


def mypy_lines() -> list[int]:
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", str(USES)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    found = re.findall(r"^\S*uses\.py:(\d+): error", run.stdout, re.MULTILINE)
    assert run.stderr == ""
    return sorted({int(line) for line in found})


def pyright_lines() -> list[int]:
    run = subprocess.run(
        [sys.executable, "-m", "basedpyright", "--outputjson", "--level", "error", str(USES)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    diagnostics = json.loads(run.stdout)["generalDiagnostics"]
    return sorted({item["range"]["start"]["line"] + 1 for item in diagnostics if item["severity"] == "error"})


@pytest.mark.parametrize("checker", [mypy_lines, pyright_lines])
def test_wrong_uses_are_refused_and_right_ones_are_not(checker):
    """Exactly the lines marked wrong are errors."""
    assert expected_lines() == checker()
