"""Building a component for real: what it imports, what its guest can see, and what a failure looks like.

One component holds everything that can be seen in a running guest. Its world imports all of WASI, so that it shows that
our WIT is wasmtime's; its app is written as Golem's documentation has it.
"""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import pytest
import wasmtime
from wasmtime import component as wasm

from durable_codegen.app.support import HOST_ONLY, support_tree
from durable_codegen.component import componentize as under_test
from durable_codegen.component.componentize import componentize
from durable_codegen.component.guest_failures import faults_of
from durable_codegen.component.section import append_section, read_section
from durable_codegen.emit.aliases import find_aliases
from durable_codegen.emit.bindings import write_guest_aliases
from tests.codegen.samples import codes, composed, write_wit
from tests.components import compiled

WORLD = """\
package golem:demo;

interface api {
  resource counter {
    constructor(name: string);
    add: func(value: u64) -> result<u64, string>;
  }
  look: func() -> string;
}

world py-example {
  include wasi:cli/imports@0.2.0;
  import wasi:http/outgoing-handler@0.2.0;
  import golem:api/host@0.2.0;
  export hello-world: func() -> string;
  export api;
}
"""

APP = """\
import sys
import py_example
import py_example.imports.types
from py_example import exports
from py_example.imports.host import get_retry_policy, set_retry_policy, RetryPolicy
from py_example.types import Err
import api
import vendored

import durable_dsl
import wrapt

for name in ("jinja2", "componentize_py", "pytest", "durable_dsl.engine", "durable_dsl.cli"):
    try:
        __import__(name)
    except ImportError:
        continue
    raise AssertionError(f"the guest sees {name}")


class PyExample(py_example.PyExample):
    def hello_world(self) -> str:
        old = get_retry_policy()
        set_retry_policy(RetryPolicy(max_attempts=10, min_delay=1_000_000_000, max_delay=1_000_000_000, multiplier=1))
        set_retry_policy(old)
        return f"{vendored.NAME} {sys.platform}"


class Api(exports.Api):
    def look(self) -> str:
        return f"{durable_dsl.Err is Err} {wrapt.ObjectProxy is not None} {'wrapt._wrappers' in sys.modules}"
"""

RESOURCE = """\
from py_example.exports import api
from py_example.types import Err


class Counter(api.Counter):
    def __init__(self, name: str):
        self.name = name
        self.state = 0

    def add(self, value: int) -> int:
        if not value:
            raise Err(self.name)
        self.state += value
        return self.state
"""

#: As the build generates it: the classes that componentize-py looks for, from where the app has them.
WRAPPER = "from main import Api as ApiInterface, PyExample as WitWorld\n"
WRAPPER_OF_RESOURCES = "from api import Counter\n"
DURABLE_HOST = "from wit_world.imports.host import *\npoll = subscribe_duration = None\n"
POLICY = {"max-attempts": 3, "min-delay": 100, "max-delay": 1000, "multiplier": 3.0}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The component, with what it was planned from."""
    folder = tmp_path_factory.mktemp("component")
    wit = write_wit(folder / "wit", WORLD)
    made = composed(wit, folder / "world", ["get-retry-policy", "set-retry-policy"], taken={"main", "api"})
    aliases = find_aliases(
        ["py_example.imports.types", "py_example.imports.host", "py_example.types", "py_example.exports.api"],
        made.world,
        world_module="wit_world",
    )
    generated, app, vendored, support = (folder / name for name in ("generated", "app", "vendored", "support"))
    preload = write_guest_aliases(made, generated, aliases=aliases)
    files = {
        generated / "wrapper.py": WRAPPER,
        generated / "api_interface.py": WRAPPER_OF_RESOURCES,
        generated / "durable_host.py": DURABLE_HOST,
        app / "main.py": APP,
        app / "api.py": RESOURCE,
        vendored / "vendored.py": 'NAME = "vendored"\n',
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    support_tree(support)
    output = folder / "out" / "demo.wasm"
    componentize(made, "wrapper", [generated, app, vendored, support], output, preload=[preload] if preload else [])
    return SimpleNamespace(component=output, composed=made, app=app, folder=folder)


@pytest.fixture(scope="module")
def instance(built):
    """The component on wasmtime's own WASI, with a host that notes the calls."""
    engine, component = compiled(built.component)
    linker = wasm.Linker(engine)
    linker.add_wasip2()
    linker.add_wasi_http()
    calls = []
    with linker.root() as root, root.add_instance("golem:api/host@0.2.0") as host:
        host.add_func("get-retry-policy", lambda _store: policy())
        host.add_func("set-retry-policy", lambda _store, value: calls.append(value.__dict__))
    store = wasmtime.Store(engine)
    store.set_wasi(wasmtime.WasiConfig())
    store.set_wasi_http()
    running = linker.instantiate(store, component)

    def call(*path):
        index = None
        for name in path:
            index = running.get_export_index(store, name, index)
        function = running.get_func(store, index)

        def called(*arguments):
            result = function(store, *arguments)
            function.post_return(store)
            return result

        return called

    return SimpleNamespace(call=call, calls=calls)


def policy():
    record = wasm.Record()
    for name, value in POLICY.items():
        setattr(record, name, value)
    return record


def test_our_wasi_is_wasmtimes_own_and_golem_names_work(instance):
    """All WASI interfaces link to wasmtime's definitions; the world's class runs and calls just the host functions."""
    assert "vendored wasi" == instance.call("hello-world")()
    assert [
        {"max-attempts": 10, "min-delay": 1_000_000_000, "max-delay": 1_000_000_000, "multiplier": 1.0},
        POLICY,
    ] == instance.calls


def test_resources_of_a_renamed_interface_work(instance):
    """The app's own module api and componentize-py's look-up of resources do not get in each other's way."""
    counter = instance.call("golem:demo/api", "[constructor]counter")("mine")
    add = instance.call("golem:demo/api", "[method]counter.add")

    assert [5, 7] == [add(counter, 5), add(counter, 2)]
    assert "mine" == add(counter, 0)


def test_the_guest_has_the_support_tree_and_nothing_of_this_machine(instance):
    """durable_dsl and wrapt are there in Python; packages of the build's environment were not importable."""
    assert "True True False" == instance.call("golem:demo/api", "look")()


def test_the_build_leaves_nothing_behind(built):
    """No bytecode beside the user's sources, no part of an output."""
    assert ["api.py", "main.py"] == sorted(path.name for path in built.app.iterdir())
    assert ["demo.wasm"] == [path.name for path in built.component.parent.glob("*.wasm*")]


def test_a_section_can_be_put_into_the_component(built):
    """And the component still reads as before."""
    append_section(built.component, "durable-dsl", json.dumps({"format": 1}).encode())

    assert {"format": 1} == json.loads(read_section(built.component, "durable-dsl"))
    assert [] == list(under_test._checked(built.component, built.composed))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"imports": {}}, "the component imports golem:api/host@0.2, which was not planned"),
        ({"exports": ("hello-world",)}, "where hello-world was planned"),
        (
            {"imports": {"golem:api/host@0.2.0": ("get-retry-policy", "set-retry-policy", "oplog-commit")}},
            "does not import oplog-commit of golem:api/host@0.2",
        ),
        (
            {"imports": {"golem:api/host@0.2.0": ("get-retry-policy",)}},
            "imports set-retry-policy of golem:api/host@0.2, which was not planned",
        ),
    ],
)
def test_a_component_that_is_not_the_planned_one_is_refused(built, change, said):
    """Imports and exports are compared name by name."""
    plan = dataclasses.replace(built.composed, **change)
    faults = list(under_test._checked(built.component, plan))

    assert {"DSL111"} == {fault.code for fault in faults}
    assert said in "\n".join(fault.message for fault in faults)


@pytest.mark.parametrize(
    ("interface", "track"),
    [
        ("golem:api/host@1.1.1", "golem:api/host@1"),
        ("golem:rpc/types@0.1.1", "golem:rpc/types@0.1"),
        ("a:b/c@0.0.3", "a:b/c@0.0.3"),
        ("a:b/c@1.0.0-rc.1", "a:b/c@1.0.0-rc.1"),
        ("wasi:logging/logging", "wasi:logging/logging"),
    ],
)
def test_versions_that_fit_together_are_one_interface(interface, track):
    """A component imports one of them, whichever the world names: so they are compared as one."""
    assert {track: {"f"}} == under_test._by_track({interface: ["f"]})


def test_what_does_not_validate_is_refused(built, tmp_path):
    """A component that was damaged on its way."""
    damaged = tmp_path / "damaged.wasm"
    content = bytearray(built.component.read_bytes())
    content[2_000_000:2_000_100] = bytes(100)
    damaged.write_bytes(content)

    assert ["DSL111"] == [fault.code for fault in under_test._checked(damaged, built.composed)]


MISSING = """\
Traceback (most recent call last):
  File "x", line 1, in <module>
AssertionError: Traceback (most recent call last):
  File "/0/wrapper.py", line 1, in <module>
    import main
  File "/1/main.py", line 7, in f
    import ssl
ModuleNotFoundError: No module named 'ssl'


Caused by:
    ModuleNotFoundError: No module named 'ssl'
"""
SYNTAX = """\
AssertionError:   File "/1/main.py", line 1
    def f(:
          ^
SyntaxError: invalid syntax


Caused by:
    SyntaxError: invalid syntax (main.py, line 1)
"""
SILENT = "AssertionError: \n\nCaused by:\n    AttributeError: module 'wrapper' has no attribute 'Api'\n"
VENDORED = """\
AssertionError: Traceback (most recent call last):
  File "/2/lib/x.py", line 3, in <module>
    1/0
ZeroDivisionError: division by zero
"""


PANIC = """\
Traceback (most recent call last):
  File "bin/componentize-py", line 6, in <module>
    sys.exit(script())
pyo3_runtime.PanicException: {}
"""


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (PANIC.format("not implemented"), ("DSL110", None, None)),
        (PANIC.format("one or more duplicate items detected when collecting into set or map"), ("DSL109", None, None)),
        (MISSING, ("DSL301", "main.py", 7)),
        (SYNTAX, ("DSL211", "main.py", 1)),
        (SILENT, ("DSL110", None, None)),
        (VENDORED, ("DSL210", "site/lib/x.py", 3)),
    ],
)
def test_messages_of_componentize_py_become_faults(output, expected):
    """By what the guest printed, or by the cause where it printed nothing."""
    assert [expected] == codes(SimpleNamespace(faults=faults_of(output, [None, "", "site"])))


def test_the_support_tree_is_python_only_and_the_same_each_time(tmp_path):
    """No extension, no bytecode, nothing that runs on the host only."""
    support_tree(tmp_path / "one")
    (tmp_path / "two" / "durable_dsl").mkdir(parents=True)
    (tmp_path / "two" / "durable_dsl" / "stale.py").touch()
    support_tree(tmp_path / "two")
    one, two = (
        {path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mtime) for path in root.rglob("*.*")}
        for root in (tmp_path / "one", tmp_path / "two")
    )

    assert one == two
    assert {"durable_dsl/__init__.py", "wrapt/decorators.py"} <= set(one)
    assert {".py"} == {name[name.rindex(".") :] for name in one}
    assert not [name for name in one if name.split("/")[1] in HOST_ONLY]
