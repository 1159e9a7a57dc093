"""`durable-dsl bindings`: stubs for editors, type checkers and tests."""

from __future__ import annotations

import subprocess
import sys

from tests.codegen.projects import MOVE, PLACE, WORLD, write

COMMAND = [sys.executable, "-m", "durable_dsl", "bindings"]


def run(folder, *arguments):
    return subprocess.run([*COMMAND, *arguments], check=False, cwd=folder, capture_output=True, text=True, timeout=600)


def test_bindings_go_where_the_pytest_plugin_looks(tmp_path):
    """The default folder, said on stdout."""
    write(tmp_path, {"orders.py": PLACE + MOVE, "wit/world.wit": WORLD})
    done = run(tmp_path)

    assert (done.returncode, done.stdout) == (0, ".durable/bindings\n"), done.stderr
    assert "class Order" in (tmp_path / ".durable/bindings/wit_world/exports/orders.py").read_text()


def test_another_folder_and_another_name(tmp_path):
    """The app's own names for the bindings are answered too."""
    write(tmp_path, {"orders.py": "from shop import exports\n", "wit/world.wit": WORLD})
    done = run(tmp_path, "stubs")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "stubs" / "wit_world" / "exports" / "orders.py").is_file()
    assert (tmp_path / "stubs" / "shop" / "exports" / "__init__.py").is_file()


def test_a_world_that_calls_the_host_by_hand_has_all_of_it(tmp_path):
    """So that an editor can complete what is not yet written."""
    world = WORLD.replace("world shop {", "world shop {\n    import golem:api/host@0.2.0;")
    write(tmp_path, {"orders.py": PLACE + MOVE, "wit/world.wit": world})
    run(tmp_path)
    host = (tmp_path / ".durable/bindings/wit_world/imports/host.py").read_text()

    assert "def mark_begin_operation" in host
    assert "def create_promise" in host


def test_bindings_of_an_app_without_wit(tmp_path):
    """What the wrapper will be written against."""
    app = "from durable_dsl import export\n@export\ndef place(order: str) -> int: ...\n"
    write(tmp_path, {"orders.py": app})
    done = run(tmp_path)

    assert (done.returncode, done.stdout) == (0, ".durable/bindings\n"), done.stderr
    interface = (tmp_path / ".durable/bindings/wit_world/exports/__init__.py").read_text()
    assert "def place(self, order: str) -> int:" in interface


def test_wit_faults(tmp_path):
    """As in a build."""
    write(tmp_path, {"orders.py": PLACE})
    done = run(tmp_path, "--wit", "nowhere")

    assert done.returncode == 1
    assert "DSL102" in done.stderr
