"""The setting world-module: what the bindings are called, with dots and without, or why not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from durable_codegen.build import emit_only, write_bindings
from durable_codegen.faults import BuildFailed
from durable_codegen.project.config import resolve
from tests.codegen.projects import MOVE, PLACE, WORLD, faults_of, places, write
from tests.codegen.samples import codes

DOTTED = "generated.my.world"


@pytest.mark.parametrize("name", ["class.x", "a..b", "a-b", "1.x"])
def test_world_modules_that_python_cannot_import(tmp_path, name):
    """Refused where the setting stands."""
    write(tmp_path, {"pyproject.toml": f'[project]\nname = "app"\n[tool.durable-dsl]\nworld-module = "{name}"\n'})
    with pytest.raises(BuildFailed) as raised:
        resolve({"app": "app.py"}, environment={}, folder=write_app(tmp_path))

    assert [("DSL402", "pyproject.toml", 4)] == codes(raised.value)


@pytest.mark.parametrize("name", ["app.x", "json.x", "durable_dsl.x"])
def test_world_modules_in_a_package_of_somebody_elses(tmp_path, name):
    """The bindings would hide it, or be hidden."""
    assert [("DSL402", "")] == places(faults_of(write_app(tmp_path), {}, world_module=name))


def test_a_world_module_with_dots(tmp_path):
    """Written as packages, in which everything is what it is in the bindings themselves."""
    flags = {"app": "app.py", "world-module": DOTTED}
    settings = resolve(flags, environment={}, folder=write_app(tmp_path))
    emit_only(settings, tmp_path / "out")
    write_bindings(settings, tmp_path / "bindings")
    code = f"from {DOTTED}.exports import orders as one; from wit_world.exports import orders as two; "
    code += "assert one.Order is two.Order"

    for folder in ("out/bindings", "bindings"):
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path / folder, check=True)
    app = f"from {DOTTED}.exports.orders import Order\n{PLACE}{MOVE}"
    assert () == faults_of(tmp_path, {"app.py": app}, world_module=DOTTED)


def write_app(folder):
    write(folder, {"app.py": PLACE + MOVE, "wit/world.wit": WORLD})
    return folder
