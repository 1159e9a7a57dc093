"""The whole build: its stages, its output, its record, and what it leaves behind when it fails."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from durable_codegen.build import STAGES, build, emit_only, write_bindings
from durable_codegen.component.section import read_section
from durable_codegen.emit.wrapper import MARK
from durable_codegen.faults import BuildFailed
from durable_codegen.project.config import resolve
from tests.codegen.projects import MOVE, PLACE, WORLD, write
from tests.golden.guest import Guest

APP = f'"""Orders."""\nfrom durable_dsl import atomic\nfrom helper import value\n\n\n@atomic\n{PLACE}\n\n{MOVE}'
FILES = {
    "app.py": APP,
    "helper.py": "value = 1\n",
    "unrelated.py": "import ssl\n",
    "tests/conftest.py": "raise SystemError\n",
    "wit/world.wit": WORLD,
    "pyproject.toml": '[tool.durable-dsl]\napp = "app.py"\n',
}


def settings_of(folder, **flags):
    return resolve(flags, environment={}, folder=folder)


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """A project that was built once: its folder, the result, and the stages as they were announced."""
    folder = tmp_path_factory.mktemp("project")
    write(folder, FILES)
    announced = []
    result = build(settings_of(folder), progress=announced.append)
    return folder, result, announced


@pytest.fixture
def again(project, tmp_path):
    """A copy of the built project whose record still holds: the same paths, restored afterwards."""
    folder, _, _ = project
    shutil.copytree(folder, tmp_path / "kept", dirs_exist_ok=True)
    yield folder
    for path in (tmp_path / "kept").rglob("*"):
        if path.is_file():
            shutil.copy2(path, folder / path.relative_to(tmp_path / "kept"))


def is_cached(folder):
    """Whether a build would be answered from the record; a build that would not is stopped at its first stage."""

    class StageBegan(Exception):
        pass

    def stop(stage):
        raise StageBegan(stage)

    try:
        return build(settings_of(folder), progress=stop).cached
    except StageBegan:
        return False


def test_stages_are_announced_in_order(project):
    """Each with its time."""
    _, result, announced = project

    assert announced == list(STAGES)
    assert [name for name, _ in result.stages] == list(STAGES)
    assert all(seconds >= 0 for _, seconds in result.stages)


def test_the_result_says_what_was_built(project):
    """Exports with their regions and places, as in the component."""
    folder, result, _ = project
    section = json.loads(read_section(result.output, "durable-dsl"))

    assert result.output == folder / "app.wasm"
    assert result.size == result.output.stat().st_size
    assert not result.cached
    assert list(result.exports) == section["exports"]
    assert section["exports"][0] == {
        "name": "demo:orders/orders#place",
        "file": "app.py",
        "line": 7,
        "async": False,
        "regions": [
            {"kind": "atomic", "word": "atomic", "file": "app.py", "line": 6, "arguments": {"commit_on": None}}
        ],
    }
    assert section["functions"]["place"] == "app.py:7"
    assert section["target"] == "golem-1.0"
    assert section["world"] == "demo:orders/shop"
    assert section["name"] == "app"
    assert section["roots"] == {
        "0": {"kind": "generated"},
        "1": {"kind": "app", "path": "."},
        "2": {"kind": "vendored"},
        "3": {"kind": "support"},
    }


def test_the_component_runs(project):
    """Host calls in their order, and nothing else."""
    guest = Guest(project[1].output).fresh()

    assert guest.call("demo:orders/orders#move", "a", "b") == 0
    assert guest.calls == []


def test_an_unchanged_project_is_not_built_again(project):
    """The record answers, with the same result."""
    folder, result, _ = project
    cached = build(settings_of(folder))

    assert cached.cached
    assert (cached.exports, cached.size, cached.faults) == (result.exports, result.size, result.faults)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("app.py", APP + "\n"),
        ("helper.py", "value = 2\n"),
        ("wit/world.wit", WORLD + "\n"),
        ("pyproject.toml", FILES["pyproject.toml"] + 'name = "other"\n'),
        ("durable_dsl.py", ""),
    ],
)
def test_a_change_is_built(name, text, again):
    """Of the app, of what it imports, of its world, of the settings, of the output, of what a name stands for."""
    changed = again / name
    existed = changed.exists()
    changed.write_text(text)
    try:
        assert not is_cached(again)
    finally:
        if not existed:
            changed.unlink()


def test_an_output_that_is_gone_is_built(again):
    """What is there instead and was written by somebody else is refused, which is shown where outputs are."""
    (again / "app.wasm").unlink()

    assert not is_cached(again)


def test_what_has_nothing_to_do_with_it_is_not_built(again):
    """Another module, a test, a touched file."""
    (again / "unrelated.py").write_text("import ctypes\n")
    (again / "new.py").write_text("")
    os.utime(again / "app.py")
    try:
        assert is_cached(again)
    finally:
        (again / "new.py").unlink()


def test_a_failed_build_leaves_the_output(again):
    """What was there stays; nothing half-written lies beside it."""
    before = (again / "app.wasm").read_bytes()
    (again / "app.py").write_text(APP + "import ctypes\n")

    with pytest.raises(BuildFailed):
        build(settings_of(again))

    assert (again / "app.wasm").read_bytes() == before
    assert not list(again.glob("*.part"))
    assert not list(again.glob(".*.part"))


def test_output_that_cannot_be_written(tmp_path):
    """Said before anything is built."""
    write(tmp_path, FILES)
    (tmp_path / "app.py").write_text("this is no Python")
    for output in (tmp_path, tmp_path / "helper.py" / "out.wasm", tmp_path / "helper.py" / "deeper" / "out.wasm"):
        with pytest.raises(BuildFailed) as failed:
            build(settings_of(tmp_path, output=str(output)))

        assert [fault.code for fault in failed.value.faults] == ["DSL404"]


def test_emit_writes_what_would_be_built(tmp_path):
    """Wrapper, host module, world and bindings; no component."""
    write(tmp_path, FILES)
    emit_only(settings_of(tmp_path), tmp_path / "emitted")
    names = {path.relative_to(tmp_path / "emitted").as_posix() for path in (tmp_path / "emitted").rglob("*")}

    assert {"durable_wrapper.py", "durable_host.py", "wit/world.wit", "bindings/wit_world/exports/orders.py"} <= names
    assert not list(tmp_path.rglob("*.wasm"))
    assert not list(tmp_path.rglob("__pycache__"))


def test_emit_leaves_nothing_of_an_earlier_emit(tmp_path):
    """What is no longer part of the component goes; files of others stay."""
    write(tmp_path, FILES)
    into = tmp_path / "emitted"
    write(into, {"mine.py": "kept = True\n", "durable_http_host.py": f'"""Old.\n\n{MARK}\n"""\n'})
    emit_only(settings_of(tmp_path), into)

    assert (into / "mine.py").exists()
    assert not (into / "durable_http_host.py").exists()


@pytest.mark.parametrize("writing", [emit_only, write_bindings])
def test_a_folder_that_cannot_be_written_to(writing, tmp_path):
    """Said before any work is done."""
    write(tmp_path, {**FILES, "app.py": "this is no Python"})
    with pytest.raises(BuildFailed) as failed:
        writing(settings_of(tmp_path), tmp_path / "helper.py")

    assert [fault.code for fault in failed.value.faults] == ["DSL404"]


def test_bindings_need_no_working_app(tmp_path):
    """They are what one writes the app with."""
    write(tmp_path, {**FILES, "app.py": "import nothing_of_the_kind\n"})
    write_bindings(settings_of(tmp_path), tmp_path / "stubs")

    assert "class Order" in (tmp_path / "stubs" / "wit_world" / "exports" / "orders.py").read_text()


def test_failures_of_the_guest_at_build_time_are_python(tmp_path):
    """What only fails in the guest: the user's traceback with the user's paths, and the old output is kept."""
    broken = """
import sys


def start():
    print("starting")
    raise ValueError("not\\nhere")


if sys.platform == "wasi":
    start()
value = 1
"""
    write(tmp_path, {**FILES, "helper.py": broken})
    with pytest.raises(BuildFailed) as failed:
        build(settings_of(tmp_path))
    (fault,) = failed.value.faults

    assert (fault.code, fault.file, fault.line) == ("DSL210", "helper.py", 7)
    assert fault.message == "ValueError in the guest: not"
    expected = """\
Traceback (most recent call last):
  File "app.py", line 3, in <module>
    from helper import value
  File "helper.py", line 11, in <module>
    start()
    ~~~~~^^
  File "helper.py", line 7, in start
    raise ValueError("not\\nhere")
ValueError: not
here"""
    assert expected == fault.detail
    assert not (tmp_path / "app.wasm").exists()
    left = {path.name for path in tmp_path.iterdir()} - {".durable"}
    assert left == {Path(name).parts[0] for name in FILES}


def test_only_the_apps_own_modules_are_staged(tmp_path):
    """A package whole, a module alone, what `include` names; not tests, environments or caches."""
    from durable_codegen.app.modules import Root, reachable
    from durable_codegen.app.staging import app_files

    write(
        tmp_path,
        {
            "app.py": "import shop.desk, lib.part",
            "shop/__init__.py": "",
            "shop/desk.py": "",
            "shop/other.py": "",
            "shop/data/prices.csv": "",
            "shop/.hidden": "",
            "shop/__pycache__/desk.pyc": "",
            "shop/env/pyvenv.cfg": "",
            "shop/env/x.py": "",
            "lib/part.py": "",
            "tests/test_app.py": "",
            "data/a.json": "",
            "data/b.txt": "",
        },
    )
    modules, _ = reachable(["app"], [Root(tmp_path, "app")])

    assert list(app_files(tmp_path, modules.values(), ["data/*.json"])) == [
        "app.py",
        "data/a.json",
        "lib/part.py",
        "shop/__init__.py",
        "shop/data/prices.csv",
        "shop/desk.py",
        "shop/other.py",
    ]


def test_paths_may_have_spaces_and_be_links(tmp_path):
    """Nothing is put together as text."""
    real = tmp_path / "a real folder"
    write(real, FILES)
    link = tmp_path / "link"
    link.symlink_to(real)
    faults = emit_only(resolve({"app": "link/app.py"}, environment={}, folder=tmp_path), tmp_path / "out put")

    assert Path(tmp_path / "out put" / "durable_wrapper.py").is_file()
    assert [fault.severity for fault in faults] == ["note"]
