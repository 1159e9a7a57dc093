"""What the guest gets of ours and of wrapt: what the component needs, and no more."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from contextlib import nullcontext

import pytest

from durable_codegen.app.support import support_tree
from durable_codegen.faults import BuildFailed
from durable_codegen.front import run_front
from durable_codegen.project.config import resolve
from tests.codegen.projects import MOVE, PLACE, WORLD, write


def test_a_guest_without_a_use_for_wrapt_gets_its_proxies_only(tmp_path):
    """The rest of it would bring asyncio, email and logging into every component."""
    support_tree(tmp_path, whole_wrapt=False)
    code = "import sys; sys.path[:0] = ['.']; import durable_dsl.marks.marked; print('asyncio' in sys.modules)"
    command = [sys.executable, "-I", "-S", "-B", "-c", code]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    kept = {each.name for each in (tmp_path / "wrapt").iterdir()}

    assert {"__init__.py", "__wrapt__.py", "exceptions.py", "wrappers.py"} == kept
    assert "False\n" == ran.stdout


@pytest.mark.parametrize(
    ("line", "whole"), [("", False), ("import wrapt\n", True), ("from wrapt import decorator\n", True)]
)
def test_an_app_that_uses_wrapt_gets_all_of_it(tmp_path, line, whole):
    """Found by its imports, and those of its packages."""
    write(tmp_path, {"app.py": f"{line}{PLACE}{MOVE}", "wit/world.wit": WORLD})
    (tmp_path / "work").mkdir()
    with contextlib.suppress(BuildFailed):  # wrapt is no dependency of this project
        chosen = resolve({"app": "app.py"}, environment={}, folder=tmp_path)
        run_front(chosen, tmp_path / "work", lambda _name: nullcontext())

    assert whole is (tmp_path / "work/support/wrapt/decorators.py").exists()
