"""What the shell is offered: argcomplete's protocol, as a shell speaks it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.guests import guest

APP = """
from durable_dsl import export


@export
def brew(cups: int) -> int:
    return cups


@export
def break_up() -> None: ...


def helper() -> None: ...
"""


@pytest.fixture
def offered(tmp_path):
    def ask(line):
        """The words that the shell would offer at the end of `line`."""
        answers = tmp_path / "answers"
        environment = {
            **os.environ,
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": "\n",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(answers),
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
        }
        command = [sys.executable, "-c", "from durable_dsl.cli.entry import main; main()"]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=False, timeout=600)
        assert not done.stderr, done.stderr
        return sorted(word.strip() for word in answers.read_text().splitlines()) if answers.exists() else []

    return ask


def test_workers_and_components(offered, tmp_path):
    """Those of the data directory that is asked for."""
    data = str(tmp_path / "data")
    for name in ("tea", "toast"):
        words = ["run", str(guest("shop")), "total", "[]", "--worker", name, "--data", data]
        subprocess.run([sys.executable, "-m", "durable_dsl", *words], check=True, capture_output=True, timeout=600)

    assert ["tea", "toast"] == offered(f"durable-dsl worker show --data {data} t")
    assert ["toast"] == offered(f"durable-dsl run shop.wasm total --data {data} --worker to")
    assert ["shop"] == offered(f"durable-dsl worker list --data {data} --component s")
    assert [] == offered("durable-dsl worker show --data nowhere t")
    assert not (tmp_path / "nowhere").exists()


def test_exports_of_an_app_and_of_a_component(offered, tmp_path):
    """An app is read, not imported; a file that is neither offers nothing."""
    (tmp_path / "app.py").write_text(APP + "\nraise SystemExit('imported')\n")

    assert ["break-up", "brew"] == offered("durable-dsl run app.py br")
    assert ["total"] == offered(f"durable-dsl run {guest('shop')} to")
    assert [] == offered("durable-dsl run missing.py br")


def test_targets_kinds_and_verbs(offered):
    """Words that the program knows."""
    assert ["golem-1.0", "golem-1.1", "golem-1.2"] == offered("durable-dsl build --target golem-1.")
    assert ["exited", "exported-function-completed", "exported-function-invoked"] == offered(
        "durable-dsl worker oplog w --kind ex"
    )
    assert "explain" in offered("durable-dsl ex")
