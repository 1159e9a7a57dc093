"""`durable-dsl wit` as a command, and what `run` and `inspect` say of an app that has faults."""

from __future__ import annotations

import pytest

from durable_dsl.cli.main import main
from tests.codegen.projects import MOVE, PLACE, WORLD, write

APP = '''"""A desk."""

from durable_dsl import export


@export
def place(order: str) -> int:
    """Place an order."""
    return len(order)
'''
WIT = """\
// Inferred by durable-dsl from the type hints of desk.py. Do not edit: `durable-dsl wit -o FILE` writes it anew.

package app:desk;

/// A desk.
interface api {
    /// Place an order.
    place: func(order: string) -> s64;
}

world desk {
    export api;
}
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Runs a verb in a folder with an app: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"desk.py": APP})

    def call(*arguments):
        status = main(list(arguments))
        captured = capfd.readouterr()
        return status, captured.out, captured.err

    return call


def test_the_world_on_stdout(run):
    """Nothing else."""
    assert run("wit") == (0, WIT, "")
    assert run("wit", "desk.py") == (0, WIT, "")


def test_written_checked_and_written_anew(run, tmp_path):
    """--check wants the very text; -o says what changes for callers."""
    assert run("wit", "--check")[0] == 1
    assert run("wit", "-o", "world.wit") == (0, "world.wit\n", "")
    assert (tmp_path / "world.wit").read_text() == WIT
    assert run("wit", "--check") == (0, "", "world.wit is up to date\n")

    write(tmp_path, {"desk.py": APP.replace("Place an order", "Take an order")})
    status, _, err = run("wit", "--check")
    assert (status, "DSL614" in err, "DSL611" in err) == (1, True, False)

    write(tmp_path, {"desk.py": APP.replace("order: str", "order: bytes")})
    status, _, err = run("wit", "--check")
    assert status == 1
    assert (
        "world.wit:8: error DSL611: the committed world: place took (order: string) and takes (order: list<u8>)" in err
    )
    status, _, err = run("wit", "-o", "world.wit")
    assert (status, err) == (0, "the committed world: place took (order: string) and takes (order: list<u8>)\n")
    assert run("wit", "--check")[0] == 0


def test_a_hand_written_file_is_not_overwritten(run, tmp_path):
    """It is somebody's work."""
    write(tmp_path, {"mine.wit": "package a:b;\n"})
    status, out, err = run("wit", "-o", "mine.wit")

    assert (status, out) == (1, "")
    assert "mine.wit is not a world that durable-dsl has written" in err
    assert (tmp_path / "mine.wit").read_text() == "package a:b;\n"


def test_an_app_with_wit(run, tmp_path):
    """Its world is its WIT; there is nothing to infer or check."""
    write(tmp_path, {"desk.py": PLACE + MOVE, "wit/world.wit": WORLD})

    assert run("wit") == (0, "", "desk.py is built for the WIT in wit\n")
    assert run("wit", "--check") == (0, "", "desk.py is built for the WIT in wit\n")


@pytest.mark.parametrize(
    "words", [["wit"], ["run", "desk.py", "place", "x"], ["inspect", "."], ["build"], ["bindings"]]
)
def test_faults_of_the_app(run, tmp_path, words):
    """The same wherever it is built: at their lines, exit status 1, nothing on stdout."""
    write(tmp_path, {"desk.py": APP.replace("order: str", "order: set[str]")})
    status, out, err = run(*words)

    assert (status, out) == (1, "")
    assert "desk.py:7: error DSL601: the parameter order of place is set[str], which cannot cross" in err
