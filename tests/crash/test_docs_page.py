"""The test file that docs/testing.md shows is one: it runs beside the app that it names."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_s_test_runs(tmp_path):
    """As shown, in a copy of the example, with fixture and marker from the installed package."""
    page = (ROOT / "docs" / "testing.md").read_text()
    ((example, text),) = re.findall(r"<!-- test: (\S+) -->\n```python\n(.*?)```", page, re.DOTALL)
    project = tmp_path / "project"
    shutil.copytree(ROOT / example, project, ignore=shutil.ignore_patterns(".durable", "__pycache__", "test_*"))
    (project / "test_shown.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", "--crash-points=16"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"16 of \d+ crash points of buy, 8 by killing a process", done.stdout)
