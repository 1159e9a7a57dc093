"""Finding and running the two tools."""

from __future__ import annotations

import sys

import pytest

from durable_codegen.faults import BuildFailed
from durable_codegen.wit import toolchain
from durable_codegen.wit.toolchain import COMPONENTIZE_PY, run_componentize_py, run_wasm_tools, tool_versions


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A Python whose folder has no tools, and a PATH with one folder."""
    toolchain._command_and_version.cache_clear()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python" / "python3"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    (tmp_path / "path").mkdir()
    yield tmp_path / "path"
    toolchain._command_and_version.cache_clear()


def put(folder, number):
    script = folder / "componentize-py"
    script.write_text(
        f"#!/bin/sh\necho componentize-py {number}; echo VIRTUAL_ENV=$VIRTUAL_ENV PYTHONPATH=$PYTHONPATH\n"
    )
    script.chmod(0o755)


def test_the_tools_of_this_environment_are_found_and_have_tested_versions():
    """Both run, and their versions are known."""
    assert {"componentize-py", "wasm-tools"} == set(tool_versions())
    assert tool_versions()["wasm-tools"].rsplit(".", 1)[0] in run_wasm_tools(["--version"]).stdout
    assert tool_versions()["componentize-py"] in run_componentize_py(["--version"]).stdout


def test_a_tool_that_is_nowhere_is_a_fault_with_the_command_that_installs_it(elsewhere):
    """Neither beside Python nor on PATH."""
    with pytest.raises(BuildFailed) as raised:
        run_componentize_py(["--version"])

    (fault,) = raised.value.faults
    assert "componentize-py is not installed" in fault.message
    assert f'-m pip install "componentize-py{COMPONENTIZE_PY.tested}"' in fault.hint


def test_a_version_that_was_not_tested_is_a_fault(elsewhere):
    """Older and newer ones alike."""
    for number in ("0.24.9", "0.26.0", "1.0.0"):
        put(elsewhere, number)
        toolchain._command_and_version.cache_clear()
        with pytest.raises(BuildFailed) as raised:
            run_componentize_py(["--version"])

        assert f"componentize-py {number} is not a version" in raised.value.faults[0].message


def test_componentize_py_sees_no_python_environment(elsewhere, monkeypatch):
    """The variables of the caller's environment do not reach it; the one that it would act on is an empty folder."""
    put(elsewhere, "0.25.3")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("VIRTUAL_ENV", "/an/environment")
    done = run_componentize_py(["anything"])

    seen = done.stdout.splitlines()[1]
    assert "PYTHONPATH=" == seen.partition(" ")[2]
    assert "/an/environment" not in seen
    assert "VIRTUAL_ENV=/" in seen
