"""`durable-dsl build` as a command: what goes to stdout and stderr, exit statuses, and how long no change takes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.codegen.projects import MOVE, PLACE, WORLD, write

COMMAND = [sys.executable, "-m", "durable_dsl", "build"]
APP = f"from durable_dsl import atomic, retry\nprint('imported')\n@retry(max_attempts=1)\n@atomic\n{PLACE}{MOVE}"
BROKEN = f"from durable_dsl import retry\n@retry\n{PLACE}def move(source): return 0\n"


def run(folder, *arguments, **environment):
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "", **environment},
        capture_output=True,
        text=True,
        timeout=600,
    )


def processor_time():
    """Of the commands that were run, so that a machine that does other things too makes no difference."""
    spent = os.times()
    return spent.children_user + spent.children_system


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A project built by the command, and what that printed."""
    folder = tmp_path_factory.mktemp("built")
    write(folder, {"orders.py": APP, "wit/world.wit": WORLD})
    return folder, run(folder, "-v")


def test_result_on_stdout(built):
    """A table of exports and regions, then the file, its size, target and time."""
    _, done = built

    assert done.returncode == 0, done.stderr
    table, _, last = done.stdout.rpartition("\n\n")
    assert [line.split() for line in table.splitlines()] == [
        ["export", "regions", "source"],
        ["orders#place", "retry", ">", "atomic", "orders.py:5"],
        ["orders#move", "-", "orders.py:6"],
    ]
    assert last.startswith("orders.wasm  ")
    assert "golem-1.0" in last


def test_stages_and_the_apps_output_with_verbose(built):
    """On stderr, one line each; the note on the target too."""
    _, done = built

    assert "importing the app …" in done.stderr
    assert "componentize " in done.stderr
    assert "imported" in done.stderr.splitlines()
    assert done.stderr.count("DSL120") == 1


def test_an_unchanged_build_returns_at_once(built):
    """In well under half a second of processor time from process start, and it says so."""
    folder, _ = built
    run(folder)
    seconds = []
    for _ in range(3):
        begin = processor_time()
        done = run(folder)
        seconds.append(processor_time() - begin)

        assert done.returncode == 0
        assert done.stdout.splitlines()[-1].endswith("unchanged")
        assert done.stderr == ""
    assert min(seconds) < 0.5


def test_json_of_a_build(built):
    """The documented form, on stdout alone."""
    folder, _ = built
    done = run(folder, "--json")
    result = json.loads(done.stdout)

    assert list(result) == ["output", "exports", "size", "seconds", "cached", "faults"]
    assert result["output"] == "orders.wasm"
    assert result["cached"] is True
    assert result["size"] == (folder / "orders.wasm").stat().st_size
    assert [each["name"] for each in result["exports"]] == ["demo:orders/orders#place", "demo:orders/orders#move"]
    assert [each["code"] for each in result["faults"]] == ["DSL120"]


def test_faults_on_stderr(tmp_path):
    """All of them, with status 1, nothing on stdout and no file."""
    write(tmp_path, {"orders.py": BROKEN, "wit/world.wit": WORLD})
    done = run(tmp_path)

    assert done.returncode == 1
    assert done.stdout == ""
    assert re.search(
        r"^orders.py:2: error DSL004: .* changes nothing\n    say what it changes", done.stderr, re.MULTILINE
    )
    assert "orders.py:4: error DSL202: move takes 1 parameter" in done.stderr
    assert done.stderr.endswith("2 faults; nothing was built\n")
    assert not (tmp_path / "orders.wasm").exists()


def test_json_of_faults(tmp_path):
    """The same form, without an output."""
    write(tmp_path, {"orders.py": BROKEN, "wit/world.wit": WORLD})
    done = run(tmp_path, "--json")
    result = json.loads(done.stdout)

    assert done.returncode == 1
    assert result["output"] is None
    assert [(each["code"], each["file"], each["line"]) for each in result["faults"]] == [
        ("DSL004", "orders.py", 2),
        ("DSL202", "orders.py", 4),
    ]


def test_wit_that_does_not_parse(tmp_path):
    """wasm-tools' own message, with the caret."""
    write(tmp_path, {"orders.py": PLACE, "wit/world.wit": "package a:b;\nworld w {\n  export x: funk();\n}\n"})
    done = run(tmp_path)

    assert done.returncode == 1
    assert "wit/world.wit:3: error DSL101" in done.stderr
    assert "^" in done.stderr


def test_settings_from_the_environment(tmp_path):
    """A variable for each setting."""
    write(tmp_path, {"orders.py": PLACE + MOVE, "wit/world.wit": WORLD})
    done = run(tmp_path, DURABLE_DSL_TARGET="golem-9")

    assert done.returncode == 1
    assert "golem-9" in done.stderr
    assert "golem-1.1" in done.stderr


def test_emit(tmp_path):
    """The wrapper's path on stdout, and no component."""
    write(tmp_path, {"orders.py": APP, "wit/world.wit": WORLD})
    done = run(tmp_path, "--emit", "out")

    assert done.returncode == 0, done.stderr
    assert done.stdout == "out/durable_wrapper.py\n"
    assert "class Orders(exports.Orders):" in (tmp_path / "out" / "durable_wrapper.py").read_text()


def test_unknown_option(tmp_path):
    """Usage is status 2."""
    assert run(tmp_path, "--frobnicate").returncode == 2
