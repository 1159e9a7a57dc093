"""Reading the user's world: the model, the places, and what is refused."""

from __future__ import annotations

import pytest

from durable_codegen.faults import BuildFailed
from durable_codegen.world.model import Param, read_world
from tests.codegen.samples import GOLEM_DEFAULT, ORDERS, REFUSED, codes, write_wit


@pytest.fixture
def in_project(tmp_path, monkeypatch):
    """The tests' files lie below the working directory, as a user's do."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(folder, text, deps=None, world=None):
    write_wit(folder / "wit", text, deps)
    with pytest.raises(BuildFailed) as raised:
        read_world(folder / "wit", world)
    return raised.value


def test_world_lists_exports_in_order_with_its_own_functions_first(in_project):
    """The world's own functions come first, then the interfaces as the WIT has them."""
    world = read_world(write_wit(in_project / "wit", ORDERS), None)

    assert ("demo:orders", "1.0.0", "app", "demo:orders/app@1.0.0") == (
        world.package,
        world.version,
        world.name,
        world.id,
    )
    assert [None, "demo:orders/orders@1.0.0", "demo:orders/types@1.0.0"] == [each.id for each in world.exports]
    assert ["hello-world"] == [function.export for function in world.exports[0].functions]
    assert ("cart",) == world.exports[1].resources
    assert ("wasi:cli/environment@0.2.0",) == world.imports
    assert "wit/world.wit" == world.file


def test_functions_carry_types_kinds_and_docs(in_project):
    """Each function knows its signature in WIT, its kind, its resource and its comment."""
    orders = read_world(write_wit(in_project / "wit", ORDERS), None).exports[1]
    found = {function.export: function for function in orders.functions}

    place = found["place"]
    assert (Param("order", "order"), Param("note", "option<string>")) == place.params
    assert ("result<string, string>", True, "Places an order.") == (place.result, place.fallible, place.docs)
    assert "place: func(order: order, note: option<string>) -> result<string, string>" == place.signature
    assert ("constructor", "cart", "cart", None) == (
        found["[constructor]cart"].kind,
        found["[constructor]cart"].name,
        found["[constructor]cart"].resource,
        found["[constructor]cart"].result,
    )
    assert ("method", (Param("item", "order"),)) == (found["[method]cart.add"].kind, found["[method]cart.add"].params)
    assert "open: static func(owners: list<tuple<string, u8>>) -> cart" == found["[static]cart.open"].signature


def test_fallible_is_what_componentize_py_takes_for_a_result(in_project):
    """A named result is fallible; an alias of one from elsewhere is a plain value to componentize-py."""
    _, orders, types = read_world(write_wit(in_project / "wit", ORDERS), None).exports

    assert {"place": True, "count": False, "again": True} == {
        function.name: function.fallible for function in orders.functions if function.resource is None
    }
    assert [False] == [function.fallible for function in types.functions]


def test_places_are_lines_of_the_users_file(in_project):
    """Exports, their functions and imports are found in the text."""
    world = read_world(write_wit(in_project / "wit", ORDERS), None)
    own, orders, types = world.exports
    lines = {function.export: world.place_of(orders, function)[1] for function in orders.functions}

    assert {"place": 13, "count": 14, "again": 15, "[constructor]cart": 19} == {
        name: line for name, line in lines.items() if line < 20
    }
    assert {"[method]cart.add": 20, "[static]cart.open": 21} == {
        name: line for name, line in lines.items() if line > 19
    }
    assert ("wit/world.wit", 34) == world.place_of(own, own.functions[0])
    assert ("wit/world.wit", 25) == world.place_of(types)
    assert ("wit/world.wit", 18) == world.place_of_resource(orders, "cart")
    assert ("wit/world.wit", 31) == world.place_of_import("wasi:cli/")


def test_official_files_are_never_parsed(in_project):
    """Files of Golem's and WASI's packages that no parser takes do not matter, unused ones neither."""
    world = read_world(write_wit(in_project / "wit", GOLEM_DEFAULT, REFUSED), None)

    assert "0.2.0" == world.golem_api
    assert {"golem:api/host@0.2.0", "golem:rpc/types@0.1.0", "wasi:io/streams@0.2.0"} <= set(world.imports)


def test_world_without_official_files_reads_the_same(in_project):
    """The official files may as well be absent."""
    with_files = read_world(write_wit(in_project / "wit", GOLEM_DEFAULT, REFUSED), None)
    without = read_world(write_wit(in_project / "bare", GOLEM_DEFAULT), None)

    assert with_files.imports == without.imports
    assert with_files.exports == without.exports


def test_own_dependencies_are_kept_and_golem_is_not_reserved(in_project):
    """A dependency of the user's is read, also one in a golem package that is no host's; two versions are two."""
    deps = {
        "stub/stub.wit": "package golem:demo-stub@1.0.0;\ninterface stub {\n  call: func();\n}\n",
        "old.wit": "package golem:demo-stub@0.1.0;\ninterface stub {\n  call: func();\n}\n",
        "unused/unused.wit": "package some:body;\ninterface x {\n  use golem:durability/durability@1.2.0.{y};\n}\n",
    }
    text = (
        "package golem:demo;\nworld w {\n  import golem:demo-stub/stub@1.0.0;\n"
        "  import golem:demo-stub/stub@0.1.0;\n  export run: func();\n}\n"
    )
    world = read_world(write_wit(in_project / "wit", text, deps), None)

    assert {"golem:demo-stub/stub@1.0.0", "golem:demo-stub/stub@0.1.0"} == set(world.imports)


def test_a_single_file_is_a_package(in_project):
    """WIT may be one file."""
    write_wit(in_project / "wit", ORDERS)

    assert "app" == read_world(in_project / "wit" / "world.wit", None).name


def test_world_is_chosen_by_name(in_project):
    """Of several worlds the named one is taken; without a name the fault lists them."""
    text = "package a:b;\nworld one {\n  export run: func();\n}\nworld two {\n  export go: func();\n}\n"
    write_wit(in_project / "wit", text)
    failure = refused(in_project, text)

    assert ["two", "two"] == [read_world(in_project / "wit", name).name for name in ("two", "a:b/two")]
    assert [("DSL103", "wit/world.wit", 2)] == codes(failure)
    assert "one, two" in failure.faults[0].hint
    assert [("DSL103", "wit/world.wit", 2)] == codes(refused(in_project, text, world="three"))


def test_wit_that_does_not_parse_keeps_the_caret(in_project):
    """The message is wasm-tools' own, said of the user's file."""
    failure = refused(in_project, "package a:b;\nworld w {\n  export run: func(a: nothing);\n}\n")

    assert [("DSL101", "wit/world.wit", 3)] == codes(failure)
    message = failure.faults[0].message
    assert "name `nothing` does not exist" in message
    assert "--> wit/world.wit:3:23" in message
    assert "^-" in message
    assert "durable-dsl-" not in message


def test_a_dependency_that_does_not_parse_is_named(in_project):
    """The place is in the dependency."""
    deps = {"stub/stub.wit": "package my:stub;\ninterface stub {\n  call: func() -> ();\n}\n"}
    failure = refused(in_project, "package a:b;\nworld w {\n  import my:stub/stub;\n}\n", deps)

    assert [("DSL101", "wit/deps/stub/stub.wit", 3)] == codes(failure)


def test_async_functions_are_refused_with_what_to_write(in_project):
    """Each async func is a fault of its own, in interfaces, resources and worlds."""
    text = (
        "package a:b;\ninterface api {\n  f: async func();\n  resource r {\n    g: async func();\n  }\n}\n"
        "world w {\n  export api;\n  export top: async func();\n}\n"
    )
    failure = refused(in_project, text)

    assert [("DSL104", "wit/world.wit", line) for line in (3, 5, 10)] == codes(failure)
    assert "Write func here and async def f in Python: it runs on an event loop of its own." == failure.faults[0].hint


@pytest.mark.parametrize("part", ["stream<u8>", "future<string>", "error-context", "map<string, u8>", "list<u8, 4>"])
def test_types_that_golem_lacks_are_refused(in_project, part):
    """Types of newer component models are faults, wherever they occur."""
    types = f"interface api {{\n  type t = option<{part}>;\n  f: func(x: t);\n}}\n"
    text = f"package a:b;\n{types}world w {{\n  export api;\n}}\n"

    assert [("DSL109", "wit/world.wit", 3), ("DSL109", "wit/world.wit", 4)] == codes(refused(in_project, text))


def test_an_interface_declared_by_the_world_cannot_be_imported(in_project):
    """componentize-py makes no bindings for it."""
    text = "package a:b;\nworld w {\n  import log: interface {\n    f: func();\n  }\n  export run: func();\n}\n"

    assert [("DSL109", "wit/world.wit", 3)] == codes(refused(in_project, text))


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("golem:durability/durability@1.2.0", "golem:durability@1.2.0 is not one that", "Drop the use"),
        ("golem:api/host@1.5.0", "golem:api@1.5.0 is not one that", "0.2.x and 1.1.x"),
        ("wasi:config/store@0.2.0-draft", "wasi:config@0.2.0-draft is not one that", "Drop the use"),
        ("wasi:cli/environment", "is named without a version", "Write wasi:cli/environment@0.2.0"),
    ],
)
def test_official_packages_that_are_not_carried_are_named(in_project, line, said, hint):
    """The fault names package and line, although the user has files for it."""
    deps = {"x/x.wit": f"package {line.partition('/')[0]};\ninterface durability {{\n}}\n"}
    failure = refused(in_project, f"package a:b;\nworld w {{\n  import {line};\n  export run: func();\n}}\n", deps)

    assert [("DSL105", "wit/world.wit", 3)] == codes(failure)
    assert said in failure.faults[0].message
    assert hint in failure.faults[0].hint


def test_missing_wit_says_what_to_write(in_project):
    """No folder, and a folder without WIT."""
    (in_project / "empty").mkdir()
    for name in ("nowhere", "empty"):
        with pytest.raises(BuildFailed) as raised:
            read_world(in_project / name, None)

        assert ["DSL102"] == [fault.code for fault in raised.value.faults]


def test_wit_without_a_package_line_is_a_fault(in_project):
    """The build needs the package's name before anything is parsed."""
    assert [("DSL101", "wit/world.wit", 1)] == codes(refused(in_project, "world w {\n  export run: func();\n}\n"))


@pytest.mark.parametrize(
    ("interface", "hint"),
    [
        ("golem:api/context@1.1.5", "Of golem:api it has host, load-snapshot, oplog, save-snapshot."),
        ("golem:api/oplog@1.1.6", "Write golem:api/oplog@1.1.0, or drop it."),
        ("wasi:cli/nothing@0.2.0", "Of wasi:cli it has "),
    ],
)
def test_an_interface_of_golems_that_is_not_carried(tmp_path, monkeypatch, interface, hint):
    """Refused where it is named, also with the official files beside it: a server would refuse it late."""
    monkeypatch.chdir(tmp_path)
    text = f"package a:b;\nworld app {{\n  import {interface};\n}}\n"
    official = {"golem/context.wit": "package golem:api@1.1.5;\ninterface context { now: func() -> u64; }\n"}
    with pytest.raises(BuildFailed) as raised:
        read_world(write_wit(tmp_path / "wit", text, official), None)

    assert [("DSL105", "wit/world.wit", 3)] == codes(raised.value)
    assert raised.value.faults[0].hint.startswith(hint)
