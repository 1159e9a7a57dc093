"""The generated wrappers: their text is what is expected, well formed, and does what it says in plain Python."""

from __future__ import annotations

import ast
import difflib
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from durable_codegen.build import emit_only
from durable_codegen.project.config import resolve
from tests.golden.cases import CALLS

APPS = Path(__file__).parent / "apps"
EXPECTED = Path(__file__).parent / "expected"
CASES = sorted(path.name for path in APPS.iterdir() if path.is_dir())
CALLING = Path(__file__).with_name("calling.py")
TOOLS = Path(sys.executable).parent


@pytest.fixture(scope="session")
def emitted(tmp_path_factory):
    """Emits a case's files once and gives their folder."""

    @cache
    def emit(case):
        folder = tmp_path_factory.mktemp(case)
        emit_only(resolve({}, environment={}, folder=APPS / case), folder)
        return folder

    return emit


def generated(folder):
    """The generated files; which version of the tool wrote them is no part of what is expected."""
    texts = {path.name: path.read_text() for path in sorted(folder.glob("*.py"))}
    return {name: re.sub(r"(durable-dsl) \d\S*\d", r"\1 0.0.0", text) for name, text in texts.items()}


def root_of(case):
    source = APPS / case / "src"
    return source if source.is_dir() else APPS / case


@pytest.mark.parametrize("case", CASES)
def test_text_is_what_is_expected(case, emitted, pytestconfig):
    """Every byte of the generated modules; `--update-golden` writes them anew."""
    now = generated(emitted(case))
    if pytestconfig.getoption("--update-golden", default=False):
        shutil.rmtree(EXPECTED / case, ignore_errors=True)
        (EXPECTED / case).mkdir(parents=True)
        for name, text in now.items():
            (EXPECTED / case / name).write_text(text)
    expected = generated(EXPECTED / case)

    assert sorted(expected) == sorted(now)
    for name, text in now.items():
        difference = difflib.unified_diff(
            expected[name].splitlines(), text.splitlines(), "expected", "now", "", "", 1, ""
        )
        assert expected[name] == text, "\n".join(difference)


def test_no_expected_wrapper_is_left_over():
    """Each folder of expected files belongs to a case, and each case is called."""
    assert sorted(path.name for path in EXPECTED.iterdir()) == CASES
    assert sorted(CALLS) == CASES


@pytest.mark.parametrize("case", CASES)
def test_emitting_again_gives_the_same_bytes(case, emitted, tmp_path):
    """The same input gives the same text."""
    emit_only(resolve({}, environment={}, folder=APPS / case), tmp_path)

    assert generated(emitted(case)) == generated(tmp_path)


def test_expected_wrappers_are_formatted_and_clean():
    """ruff, with its own defaults, has nothing to change and nothing to say."""
    for verb in (["format", "--diff"], ["check"]):
        command = [TOOLS / "ruff", *verb, "--isolated", EXPECTED]
        done = subprocess.run(command, check=False, capture_output=True, text=True)

        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("case", CASES)
def test_wrapper_is_typed(case, emitted, tmp_path_factory):
    """mypy finds the wrapper right against the bindings and the app."""
    folder = emitted(case)
    options = ["--check-untyped-defs", "--cache-dir", tmp_path_factory.getbasetemp() / "mypy"]
    done = subprocess.run(
        [TOOLS / "mypy", *options, *generated(folder)],
        check=False,
        cwd=folder,
        env={"MYPYPATH": f"{folder / 'bindings'}:{root_of(case)}"},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("case", CASES)
def test_expected_wrapper_calls_its_host_in_order(case, emitted):
    """Success, domain error and failure, each with the host calls that it made."""
    folder = emitted(case)
    tree = ast.parse((EXPECTED / case / "durable_host.py").read_text())
    hosts = [
        node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module and ".imports.host" in node.module
    ]
    request = {
        "path": [str(EXPECTED / case), str(folder / "bindings"), str(root_of(case))],
        "host": hosts[0] if hosts else None,
        "expressions": [expression for expression, _, _ in CALLS[case]],
    }
    command = [sys.executable, CALLING, json.dumps(request)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])

    assert [[outcome, calls] for _, outcome, calls in CALLS[case]] == report
