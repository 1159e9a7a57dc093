"""`@save_snapshot` and `@load_snapshot`: what the build makes of them, and updates in the engine."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from durable_codegen.build import emit_only
from durable_codegen.project.config import resolve
from durable_dsl.engine import Engine
from durable_dsl.engine.errors import UpdateRefused
from tests.codegen.projects import PLACE, faults_of, places, write
from tests.components import built_once

HERE = Path(__file__).parent
ONLY_PLACE = """package demo:orders;

interface orders {
    place: func(order: string) -> string;
}

world shop {
    export orders;
%s}
"""


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    return built_once(HERE / "first", tmp_path_factory)


@pytest.fixture(scope="session")
def second(tmp_path_factory):
    return built_once(HERE / "second", tmp_path_factory)


@pytest.mark.guarantee("SNAPSHOT-1")
def test_state_of_another_shape_is_kept(first, second, tmp_path):
    """The new build has done other things in its history, and its state has another form; later crashes keep it."""
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(first))
        worker.invoke("add", "a")
        worker.invoke("add", "b")
        with pytest.raises(UpdateRefused):
            worker.update(engine.load(second))
        worker.update(engine.load(second), snapshot=True)
        assert 3 == worker.invoke("add", "c")
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w")

        assert ["0: a", "1: b", "2: c"] == worker.invoke("all")
        assert 1 == worker.version


def test_a_snapshot_that_is_refused_leaves_the_worker_as_it_was(first, second, tmp_path):
    """The exception's words and its place are what the update is refused with; the old build goes on."""
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(first))
        worker.invoke("add", "poison")
        with pytest.raises(UpdateRefused, match=r"ValueError: there is poison in it \(entries.py:44\)"):
            worker.update(engine.load(second), snapshot=True)

        assert 2 == worker.invoke("add", "b")
        assert ["poison", "b"] == worker.invoke("all")
        assert 0 == worker.version


def test_a_snapshot_of_another_form_is_told(first, second, tmp_path):
    """The annotation of `load` is what the bytes have to be."""
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(second))
        worker.invoke("add", "a")
        worker.update(engine.load(first), snapshot=True)

        assert ["a"] == worker.invoke("all")


def test_an_export_of_that_name_is_another_function(first, tmp_path):
    """`save` of the app's own interface is what a short name means; the engine finds the marked one."""
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(first))
        worker.invoke("add", "a")

        assert "1 entries" == worker.invoke("save")


def test_from_the_command_line(first, second, tmp_path):
    """`worker update --snapshot`."""

    def durable(*words):
        command = [sys.executable, "-m", "durable_dsl", *map(str, words), "--data", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    durable("run", first, "add", "a", "--worker", "w")
    done = durable("worker", "update", "w", second, "--snapshot")

    assert (0, True) == (done.returncode, "updated to version 1" in done.stderr)
    assert ["0: a"] == json.loads(durable("run", second, "all", "--worker", "w").stdout)


def test_a_host_that_cannot_look_gets_promises_last(first, tmp_path):
    """golem-1.0: other things are waited for first, then one promise after the other."""
    shown, printed = [], threading.Event()

    def output(_level, data):
        shown.append(data.decode())
        if data.endswith(b"\n"):
            printed.set()

    with Engine.open(tmp_path, output=output) as engine:
        worker = engine.worker("w", engine.load(first))
        started = worker.start("wait-for-both")
        assert printed.wait(300)
        promises = "".join(shown).split()
        while worker.status != "suspended":
            time.sleep(0.005)
        for promise, value in zip(reversed(promises), ["two", "one"], strict=True):
            assert engine.complete_promise(promise, value)

        assert "one two" == started.wait(300)


def test_a_host_that_cannot_look_refuses_a_timer_beside(first, tmp_path):
    """It would be the time-out of a promise that may be completed long since."""
    with Engine.open(tmp_path) as engine:
        said = engine.worker("w", engine.load(first)).invoke("wait-beside-a-timer")

    assert said.startswith("PromiseUnsupported: this component cannot wait for a promise with a time-out")


BOTH = """from durable_dsl import load_snapshot, save_snapshot
def place(order): return order

@save_snapshot
def save(): return b""

@load_snapshot
def load(data): pass
"""


def emitted(folder, files, **flags):
    faults = faults_of(folder, files, **flags)
    assert [] == [fault for fault in faults if fault.severity == "error"]
    wit = (folder / "emitted" / "wit" / "world.wit").read_text()
    return (folder / "emitted" / "durable_wrapper.py").read_text(), wit


@pytest.mark.parametrize(("target", "version"), [("golem-1.0", "0.2.0"), ("golem-1.1", "1.1.0")])
def test_the_exports_are_those_of_the_target(tmp_path, target, version):
    """Golem looks for them under that version."""
    wrapper, wit = emitted(tmp_path, {"wit/world.wit": ONLY_PLACE % "", "app.py": BOTH}, app="app.py", target=target)

    assert f"export golem:api/save-snapshot@{version};" in wit
    assert f"export golem:api/load-snapshot@{version};" in wit
    assert "class SaveSnapshot(exports.SaveSnapshot):" in wrapper
    assert "load_snapshot_load = loading(app.load)" in wrapper


def test_an_export_in_the_world_is_kept(tmp_path):
    """The mark says which function implements it; the other one is added."""
    world = ONLY_PLACE % "    export golem:api/save-snapshot@0.2.0;\n"
    _, wit = emitted(tmp_path, {"wit/world.wit": world, "app.py": BOTH}, app="app.py")

    assert "save-snapshot" not in wit
    assert "export golem:api/load-snapshot@0.2.0;" in wit


def test_without_wit(tmp_path):
    """Code-first: the marked functions are no exports of the app's own, and one may be called as they are."""
    app = BOTH.replace("def place(order): return order", "@export\ndef save() -> int: return 1")
    app = app.replace("import load", "import export, load").replace("def save():", "def keep():")
    write(tmp_path, {"app.py": app})
    emit_only(resolve({"app": "app.py"}, environment={}, folder=tmp_path), tmp_path / "emitted")
    wrapper = (tmp_path / "emitted" / "durable_wrapper.py").read_text()

    assert "export golem:api/save-snapshot@0.2.0;" in (tmp_path / "emitted" / "wit" / "world.wit").read_text()
    assert "saving(app.keep)" in wrapper
    assert "save = below_marks(app.save)" in wrapper


def test_by_hand_as_before(tmp_path):
    """Exports in the world and functions of those names need no marks."""
    world = ONLY_PLACE % "    export golem:api/save-snapshot@0.2.0;\n    export golem:api/load-snapshot@0.2.0;\n"
    app = 'def place(order): return order\ndef save(): return b""\ndef load(bytes): pass\n'
    wrapper, _ = emitted(tmp_path, {"wit/world.wit": world, "app.py": app}, app="app.py")

    assert "app.save()" in wrapper
    assert "durable_dsl.snapshots" not in wrapper


def test_a_mention_alone_exports_nothing(tmp_path):
    """A name that is imported and not used, or reached by a star."""
    app = "from durable_dsl import *\ndef place(order): return order\n"
    wrapper, wit = emitted(tmp_path, {"wit/world.wit": ONLY_PLACE % "", "app.py": app}, app="app.py")

    assert "napshot" not in wit + wrapper


FAULTS = [
    ("@save_snapshot\ndef save(): return b''\n", [("DSL711", "app.py:4")]),
    ("@load_snapshot\ndef load(data): pass\n", [("DSL711", "app.py:4")]),
    ("@save_snapshot\ndef save(x): return b''\n@load_snapshot\ndef load(data): pass\n", [("DSL712", "app.py:4")]),
    ("@save_snapshot\ndef save(): return b''\n@load_snapshot\ndef load(): pass\n", [("DSL712", "app.py:6")]),
    ("@save_snapshot\nasync def save(): return b''\n@load_snapshot\ndef load(d): pass\n", [("DSL712", "app.py:4")]),
    ("@save_snapshot\ndef save(): yield b''\n@load_snapshot\ndef load(d): pass\n", [("DSL712", "app.py:4")]),
    (
        "@save_snapshot\ndef save(): return b''\n@save_snapshot\ndef o(): ...\n@load_snapshot\ndef load(d): ...\n",
        [("DSL712", "app.py:6")],
    ),
    (
        "@save_snapshot\ndef save() -> set: ...\n@load_snapshot\ndef load(d: 'Nowhere'): ...\n",
        [("DSL712", "app.py:4"), ("DSL712", "app.py:6")],
    ),
    ("class State:\n    @save_snapshot\n    def save(self): return b''\n", [("DSL712", "app.py:5")]),
]


@pytest.mark.parametrize(("text", "expected"), FAULTS)
def test_what_is_wrong_is_a_fault_with_its_place(tmp_path, text, expected):
    """One of the pair alone, and functions that cannot be called so."""
    app = f"from durable_dsl import load_snapshot, save_snapshot\n{PLACE}\n{text}"
    found = faults_of(tmp_path, {"wit/world.wit": ONLY_PLACE % "", "app.py": app}, app="app.py")

    assert expected == places(found)


def test_a_time_out_on_a_host_that_has_none_is_a_fault(tmp_path):
    """DSL713, where the call stands; other things called wait are not meant."""
    app = """import asyncio
from durable_dsl import PromiseTimeout, create_promise
from durable_dsl.promises import PromiseTimeout as Late
def place(order):
    promise = create_promise()
    promise.wait(timeout=5)
    promise.wait(timeout=None)
    promise.wait()
    asyncio.wait([], timeout=3)
    promise.wait_async("1s")
"""
    files = {"wit/world.wit": ONLY_PLACE % "", "app.py": app}
    assert [("DSL713", "app.py:6"), ("DSL713", "app.py:10")] == places(faults_of(tmp_path, files, app="app.py"))

    _, wit = emitted(tmp_path, files, app="app.py", target="golem-1.1")
    assert "import golem:api/host@1.1.5;" in wit
