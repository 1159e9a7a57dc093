"""Bindings for editors and for the scan, and the names under which existing code knows them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from durable_codegen.emit.aliases import find_aliases
from durable_codegen.emit.bindings import generate_bindings, write_guest_aliases
from durable_codegen.world.model import read_world
from tests.codegen.samples import GOLEM_DEFAULT, ORDERS, composed, write_wit

COUNTER = """\
package golem:demo;

interface api {
  resource counter {
    constructor(name: string);
    get: func() -> u64;
  }
}

world py-example {
  import golem:api/host@0.2.0;
  export hello-world: func() -> string;
  export api;
}
"""

#: What Golem's documentation and templates import, and the assertions that hold on the host and in the guest alike.
GOLEM_IMPORTS = """\
import py_example
import py_example.imports
import py_example.imports.types
import py_example.imports.host
import py_example.exports
import py_example.exports.api
from py_example.imports.host import RetryPolicy, PersistenceLevel_PersistNothing
from py_example.types import Err
from py_example import exports
from bindings import py_example as older
from bindings.py_example.exports import api
from wit_world.types import Ok
from wit_world.exports import api as real_api
import componentize_py_types, wit_world.exports.api_interface, wit_world.imports.host
assert py_example.PyExample is older.PyExample is wit_world.WitWorld
assert RetryPolicy is wit_world.imports.host.RetryPolicy
assert (Err, Ok) == (componentize_py_types.Err, componentize_py_types.Ok)
assert exports.Api is wit_world.exports.Api is wit_world.exports.ApiInterface
assert api.Counter is real_api.Counter is wit_world.exports.api_interface.Counter
try:
    from py_example.imports.types import Uri
except ImportError as error:
    assert "import golem:rpc/types@0.1.0;" in str(error)
else:
    raise AssertionError("nothing of golem:rpc is imported")
"""

IMPORTED = [
    "py_example",
    "py_example.imports.types",
    "py_example.imports.host.RetryPolicy",
    "py_example.types.Err",
    "py_example.exports.api",
    "bindings.py_example",
    "bindings.py_example.exports.api",
    "wit_world.types.Ok",
    "json.decoder",
]


def run(code, *path):
    script = f"import sys; sys.path[:0] = {[str(each) for each in path]!r}\n{code}"
    return subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)


def test_bindings_have_the_planned_modules(tmp_path):
    """componentize-py writes the very modules that the composed world says, for clashing names too."""
    other = "package x:y@{0};\ninterface types {{\n  f: func() -> u8;\n}}\n"
    text = ORDERS.replace(
        "import wasi:cli",
        "import x:y/types@1.0.0;\n  import x:y/types@2.0.0;\n  import x:y/%from@3.0.0;\n  import wasi:cli",
    )
    deps = {f"{number}.wit": other.format(number) for number in ("1.0.0", "2.0.0")}
    deps["3.wit"] = "package x:y@3.0.0;\ninterface %from {\n  f: func() -> u8;\n}\n"
    made = composed(write_wit(tmp_path / "wit", text, deps), tmp_path / "out", ["oplog-commit"], taken={"orders"})
    root = generate_bindings(made, tmp_path / "bindings") / "wit_world"

    for direction, modules in (("imports", made.import_modules), ("exports", made.export_modules)):
        written = {path.stem for path in (root / direction).glob("*.py")} - {"__init__"}
        assert set(modules.values()) <= written
        assert written - set(modules.values()) <= {"orders"}
    assert "orders_interface" == made.export_modules["demo:orders/orders@1.0.0"]
    assert {"x_y_types_1_0_0", "x_y_types_2_0_0", "from_"} <= set(made.import_modules.values())


def test_bindings_without_aliases_are_what_componentize_py_names_itself(tmp_path):
    """In Golem's default world the modules have the names that they always had."""
    made = composed(write_wit(tmp_path / "wit", GOLEM_DEFAULT), tmp_path / "out", ["oplog-commit"])
    root = generate_bindings(made, tmp_path / "bindings") / "wit_world" / "imports"

    assert {"host", "golem_rpc_types", "wasi_http_types", "wasi_keyvalue_types", "container", "eventual_batch"} <= {
        path.stem for path in root.glob("*.py")
    }


def test_aliases_are_found_among_imports(tmp_path):
    """World's name, package's name, a folder before them, moved modules; not what the app has itself."""
    world = read_world(write_wit(tmp_path / "wit", COUNTER), None)
    imported = [*IMPORTED, "golem_demo.exports", "poll_loop", "app.py_example", "a.b.py_example"]

    found = find_aliases(imported, world, world_module="wit_world", local={"app"})

    assert [
        "bindings.py_example",
        "bindings.py_example.exports.api",
        "golem_demo.exports",
        "py_example",
        "py_example.exports.api",
        "py_example.imports.host",
        "py_example.imports.types",
        "py_example.types",
        "wit_world.imports.outgoing_handler",
        "wit_world.imports.poll",
        "wit_world.imports.streams",
        "wit_world.imports.types",
        "wit_world.types",
    ] == found


@pytest.fixture(scope="module")
def golem_project(tmp_path_factory):
    """The world of Golem's documentation, its bindings, and the guest's part of the aliases."""
    folder = tmp_path_factory.mktemp("golem")
    made = composed(write_wit(folder / "wit", COUNTER), folder / "out", ["get-retry-policy"], taken={"main", "api"})
    aliases = find_aliases(IMPORTED, made.world, world_module="wit_world", local={"main", "api"})
    generate_bindings(made, folder / "bindings", aliases=aliases)
    preload = write_guest_aliases(made, folder / "guest", aliases=aliases)
    return folder, made, aliases, preload


def test_golems_imports_work_against_the_bindings(golem_project):
    """Every name of Golem's pages leads to the same objects."""
    folder, *_ = golem_project
    done = run(GOLEM_IMPORTS, folder / "bindings")

    assert (0, "") == (done.returncode, done.stderr)


def test_golems_imports_work_with_the_guests_aliases(golem_project):
    """In the guest the real world module has no files of ours; the preloaded module adds the names to it."""
    folder, made, _, preload = golem_project
    plain = generate_bindings(made, folder / "plain")
    for file in ("types.py", "exports/api.py"):
        (plain / "wit_world" / file).unlink(missing_ok=True)
    done = run(f"import {preload}\n{GOLEM_IMPORTS}", folder / "guest", plain)

    assert (0, "") == (done.returncode, done.stderr)


def test_nothing_is_preloaded_where_nothing_moved(tmp_path):
    """An app that uses today's names gets no module of aliases."""
    made = composed(write_wit(tmp_path / "wit", ORDERS), tmp_path / "out")

    assert write_guest_aliases(made, tmp_path / "guest") is None
    assert not (tmp_path / "guest").exists()


def test_a_world_module_of_another_name_is_answered_by_wit_world_too(tmp_path):
    """The setting world-module renames the bindings; code that knows the default name still finds them."""
    made = composed(write_wit(tmp_path / "wit", COUNTER), tmp_path / "out", world_module="py_example")
    generate_bindings(made, tmp_path / "bindings", aliases=["wit_world", "py_example.types"])
    code = (
        "import py_example, py_example.types, wit_world, wit_world.exports.api, wit_world.imports.host\n"
        "assert wit_world.WitWorld is py_example.PyExample\n"
        "assert wit_world.exports.api.Counter is py_example.exports.api.Counter\n"
        "from py_example.types import Ok, Err"
    )
    done = run(code, tmp_path / "bindings")

    assert ("PyExample", 0, "") == (made.world_class, done.returncode, done.stderr)


def test_poll_loop_finds_the_names_that_it_imports(tmp_path):
    """componentize-py's event loop imports `types`; in a world with several of them it is that of HTTP."""
    made = composed(write_wit(tmp_path / "wit", GOLEM_DEFAULT), tmp_path / "out")
    aliases = find_aliases(["poll_loop"], made.world, world_module="wit_world")
    bindings = generate_bindings(made, tmp_path / "bindings", aliases=aliases)
    done = run("import poll_loop; from wit_world.imports import types, wasi_http_types; types.Fields", bindings)

    assert (0, "") == (done.returncode, done.stderr)


def test_bindings_are_replaced_as_a_whole(tmp_path):
    """Modules of an earlier world are gone; what is not of the bindings stays."""
    made = composed(write_wit(tmp_path / "wit", ORDERS), tmp_path / "out")
    into = tmp_path / "bindings"
    (into / "wit_world" / "imports").mkdir(parents=True)
    (into / "wit_world" / "imports" / "old.py").touch()
    (into / "mine.py").touch()
    generate_bindings(made, into)

    assert [False, True] == [(into / "wit_world/imports/old.py").exists(), (into / "mine.py").exists()]
