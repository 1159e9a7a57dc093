"""Apps by every name and in every folder: they build, or the fault has the place, and is the only one."""

from __future__ import annotations

import pytest

from durable_codegen.build import emit_only
from durable_codegen.faults import BuildFailed
from durable_codegen.project.config import resolve
from tests.codegen.projects import MOVE, PLACE, WORLD, write

APP = "from durable_dsl import export\n@export\ndef place(x: int) -> int: ...\n"


def faults(folder, app, files=None):
    """Code and place of each fault; nothing where the app builds."""
    write(folder, files if files is not None else {app: APP})
    try:
        settings = resolve({"app": app}, environment={}, folder=folder)
        emit_only(settings, folder / "emitted")
    except BuildFailed as failed:
        return [(each.code, each.place) for each in failed.faults]
    wrapper = (folder / "emitted/durable_wrapper.py").read_bytes()
    compile(wrapper, "durable_wrapper.py", "exec")
    return []


@pytest.mark.parametrize("wit", [False, True], ids=["code-first", "wit"])
@pytest.mark.parametrize(
    "name",
    [
        *("json", "types", "string", "calendar", "asyncio", "encodings", "site", "sys", "builtins", "os", "zipfile"),
        *("durable_dsl", "durable_host", "durable_start", "wrapt", "wit_world", "poll_loop"),
        *("componentize_py_types", "componentize_py_runtime", "__main__"),
    ],
)
def test_names_that_something_else_has(tmp_path, name, wit):
    """The guest, Python, the bindings or the build would import the other one, or this in its place."""
    files = {f"{name}.py": PLACE + MOVE, "wit/world.wit": WORLD} if wit else {f"{name}.py": APP}

    assert [("DSL213", f"{name}.py:1")] == faults(tmp_path, f"{name}.py", files)


@pytest.mark.parametrize("app", ["my-app.py", "1st.py", "class.py", "a b.py", "x.y.py", "pk-g/__init__.py", "p/a-b.py"])
def test_names_that_python_cannot_import(tmp_path, app):
    """With what it could be called instead."""
    files = {app: APP, **({"p/__init__.py": ""} if app.startswith("p/") else {})}
    given = app.removesuffix("/__init__.py")

    assert [("DSL214", given)] == faults(tmp_path, given, files)


@pytest.mark.parametrize("name", ["app", "main", "test", "api", "exports", "imports", "_x", "host", "call", "fail"])
def test_names_that_are_free(tmp_path, name):
    """Also those that the wrapper has for other things."""
    assert [] == faults(tmp_path, f"{name}.py")


@pytest.mark.parametrize("folder", ["with space", "ümläut", "it's", "a#b", 'q"uote', "dash-ed"])
def test_folders_of_any_name(tmp_path, folder):
    """What stands above the app is no part of its name."""
    assert [] == faults(tmp_path, f"{folder}/app.py")


def test_a_name_without_form_in_wit(tmp_path):
    """It may be set; the fault says where the app is."""
    assert [("DSL606", "äpp.py")] == faults(tmp_path, "äpp.py")


def test_a_folder_without_init(tmp_path):
    """By its path the app is a module of its own, by its dotted name one of a namespace package."""
    files = {"pkg/app.py": f"from . import other\n{APP}", "pkg/other.py": ""}

    assert [("DSL210", "pkg/app.py:1")] == faults(tmp_path, "pkg/app.py", files)
    assert [] == faults(tmp_path, "pkg.app", files)


def test_an_import_by_the_name_of_a_folder_without_init(tmp_path):
    """As of a namespace package."""
    files = {"pkg/app.py": f"from pkg import other\nimport pkg.other\n{APP}", "pkg/other.py": ""}

    assert [] == faults(tmp_path, "pkg.app", files)


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + APP.replace("\n", "\r\n").encode(),
        b"# -*- coding: latin-1 -*-\n" + APP.encode() + 'TEXT = "ä"\n'.encode("latin-1"),
        APP.replace("\n", "\r").encode(),
    ],
    ids=["bom-crlf", "latin-1", "cr"],
)
def test_sources_in_any_form(tmp_path, text):
    """As Python reads them."""
    (tmp_path / "app.py").write_bytes(text)

    assert [] == faults(tmp_path, "app.py", {})


def test_a_form_feed_ends_no_line(tmp_path):
    """Comments in the wrapper show the mark's own line."""
    app = APP.replace("@export", "\f\n@export\n@atomic").replace("export\n", "export, atomic\n", 1)

    assert [] == faults(tmp_path, "app.py", {"app.py": app})
    assert "app.py:4 @atomic" in (tmp_path / "emitted/durable_wrapper.py").read_text()


def test_a_refused_dependency_is_the_only_fault(tmp_path):
    """Without WIT there is no WIT to look at."""
    files = {"app.py": APP, "requirements.txt": "./nowhere\n"}

    assert ["DSL304"] == [code for code, _ in faults(tmp_path, "app.py", files)]


@pytest.mark.parametrize(
    ("app", "found"),
    [
        ("from durable_dsl import *\n@export\ndef f():\n    yield 1\n", [("DSL008", "app.py:2")]),
        ("from durable_dsl import *\n@export(5)\ndef f() -> None: ...\n", [("DSL010", "app.py:2")]),
        ("from durable_dsl import *\n@export(raises=5)\ndef f() -> None: ...\n", [("DSL010", "app.py:2")]),
        ("import helper\n" + APP, [("DSL211", "helper.py:1")]),
        ("raise ValueError\n" + APP, [("DSL210", "app.py:1")]),
    ],
    ids=["generator", "name", "raises", "syntax", "import"],
)
def test_one_cause_is_one_fault(tmp_path, app, found):
    """What could not be looked at has no faults of its own."""
    assert found == faults(tmp_path, "app.py", {"app.py": app, "helper.py": "x = =\n"})


def test_a_build_never_stops_without_a_fault():
    """That would be a mistake of the build's, and it says so."""
    assert "internal error" in str(BuildFailed([]))
