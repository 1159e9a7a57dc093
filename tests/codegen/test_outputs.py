"""What a build may write over: what durable-dsl has written itself, and nothing else."""

from __future__ import annotations

import socket

import pytest

from durable_codegen.build import build, emit_only, write_bindings
from durable_codegen.component import componentize
from durable_codegen.faults import BuildFailed
from durable_codegen.project.config import resolve
from durable_codegen.source.outputs import check_component
from durable_dsl.cli.main import main
from tests.codegen.projects import MOVE, PLACE, WORLD, write

FILES = {"app.py": PLACE + MOVE, "wit/world.wit": WORLD}


@pytest.fixture
def project(tmp_path, monkeypatch):
    write(tmp_path, FILES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def everything(folder):
    """Each file with its content, each folder and link, below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.readlink()
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in sorted(folder.rglob("*"))
    }


def settings(folder, **flags):
    return resolve({"app": "app.py", **flags}, environment={}, folder=folder)


def refused(action):
    with pytest.raises(BuildFailed) as failed:
        action()
    return [each.code for each in failed.value.faults]


def make(folder, kind):
    """Something that stands where the output is to go; its name comes back."""
    place = folder / "there"
    if kind == "link":
        place.symlink_to("app.py")
    elif kind == "folder":
        place.mkdir()
    elif kind == "dangling":
        place.symlink_to("nowhere/at/all")
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(place.relative_to(folder)))
    else:
        place.write_text("# mine\n")
    return place.name


@pytest.mark.parametrize("kind", ["file", "link", "folder", "socket"])
def test_a_component_over_something_else(project, kind, monkeypatch):
    """Refused before anything is done."""
    output = make(project, kind)
    before = everything(project)
    monkeypatch.setattr(componentize, "componentize", lambda *_: pytest.fail("built"))

    code = "DSL404" if kind == "folder" else "DSL408"
    assert [code] == refused(lambda: build(settings(project, output=output)))
    assert before == everything(project)


@pytest.mark.parametrize("output", ["app.py", "wit/world.wit", "wit/deps/dep.wasm", "data/notes.txt"])
def test_a_component_over_an_input(project, output):
    """Be it a component itself."""
    write(project, {"wit/deps/dep.wasm": "\0asm", "data/notes.txt": "", "pyproject.toml": INCLUDE})

    assert ["DSL408"] == refused(lambda: check_component(settings(project, output=output)))


INCLUDE = '[project]\nname = "app"\n[tool.durable-dsl]\ninclude = ["data/*"]\n'


def test_a_component_over_a_component_and_over_nothing(project):
    """Also over a file that is empty, as from mktemp."""
    write(project, {"old.wasm": "\0asm and more", "empty.wasm": ""})

    for output in ("old.wasm", "empty.wasm", "new.wasm", "deep/new.wasm"):
        check_component(settings(project, output=output))


@pytest.mark.parametrize("output", ["app.py/x.wasm", "/dev/null", "/proc/none/x.wasm"])
def test_places_that_cannot_be_written(project, output):
    """Found before the build begins."""
    assert refused(lambda: check_component(settings(project, output=output))) in (["DSL404"], ["DSL408"])


@pytest.mark.parametrize(
    "mine", ["out/wit/mine.wit", "out/durable_wrapper.py", "out/durable_host.py", "out/bindings/mine.py"]
)
def test_what_is_emitted_over_something_else(project, mine):
    """Not a folder that the user has filled, nor a module of the user's."""
    write(project, {mine: "x = 1\n"})
    before = everything(project)

    assert ["DSL408"] == refused(lambda: emit_only(settings(project), project / "out"))
    assert before == everything(project)


def test_emitting_into_the_project_itself(project):
    """Its wit/ stays what it is."""
    before = everything(project)

    assert ["DSL408"] == refused(lambda: emit_only(settings(project), project))
    assert before == everything(project)


def test_emitting_again(project):
    """Over what it has written itself, beside files of the user's."""
    write(project, {"out/README.md": "mine\n"})
    emit_only(settings(project), project / "out")
    first = everything(project / "out")
    emit_only(settings(project), project / "out")

    assert first == everything(project / "out")
    assert b"mine\n" == first["README.md"]


@pytest.mark.parametrize("mine", ["wit_world/__init__.py", "wit_world/notes.txt", "poll_loop.py", "py_example/a.py"])
def test_bindings_over_something_else(project, mine):
    """Nor over a package or a module of the user's that has one of their names."""
    write(project, {"app.py": "import py_example.exports\n" + PLACE, f"into/{mine}": "x = 1\n"})
    write(project, {"wit/world.wit": WORLD.replace("world shop", "world py-example")})
    before = everything(project)

    assert ["DSL408"] == refused(lambda: write_bindings(settings(project), project / "into"))
    assert before == everything(project)


def test_bindings_again(project):
    """Over bindings, with the names that the app knows them by."""
    write(project, {"app.py": "import py_example.exports\n" + PLACE})
    write(project, {"wit/world.wit": WORLD.replace("world shop", "world py-example")})
    for _ in range(2):
        write_bindings(settings(project), project / "into")

    assert (project / "into/py_example/exports/__init__.py").is_file()


@pytest.mark.parametrize("output", ["other.py", "wit/world.wit", "none/client.py", "wit"])
def test_a_client_over_something_else(project, output, capsys):
    """Refused before the component is made that it is for."""
    write(project, {"other.py": "x = 1\n"})
    before = everything(project)

    assert 1 == main(["client", "wit", "-o", output])
    assert before == everything(project)
    assert "DSL40" in capsys.readouterr().err


def test_a_client_again(project, capsys):
    """Over the one that was written before, or to where nothing is lost."""
    assert 0 == main(["client", "wit", "-o", "client.py"])
    first = (project / "client.py").read_text()
    (project / "client.py").write_text(first + "# edited\n")

    assert 0 == main(["client", "wit", "-o", "client.py"])
    assert 0 == main(["client", "wit", "-o", "/dev/null"])
    assert first == (project / "client.py").read_text()
    assert "" == capsys.readouterr().err
