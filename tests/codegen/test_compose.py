"""The component's world: what is added, what is cut, which versions and names it has."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from durable_codegen.source.names import camel, interface_modules, python_name
from durable_codegen.wit.json_form import read_document
from durable_codegen.wit.official import NEWEST_WASI, needed_packages
from durable_codegen.wit.toolchain import run_wasm_tools
from durable_codegen.wit.trim import host_functions, trimmed_host
from tests.codegen.samples import GOLEM_DEFAULT, ORDERS, REFUSED, composed, write_wit

WIT = Path(__file__).parents[2] / "wit"
REGION = ("mark-begin-operation", "mark-end-operation")


def functions_of(wit, interface):
    document = read_document(wit)
    world = next(entry for entry in document.worlds if entry["name"] == "component")
    found = document.interfaces_of(world, "imports")
    return list(document.interface(found[interface])["functions"])


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_our_wit_parses_whole():
    """One world for each target, over every package that the tool carries."""
    done = run_wasm_tools(["component", "wit", WIT])

    assert not done.failed, done.stderr
    for world in ("world golem-1-0", "world golem-1-1", "world golem-1-2", "world wasi"):
        assert world in done.stdout


def test_only_used_functions_of_the_host_are_imported(tmp_path):
    """Functions that are not in use are cut, and nothing else comes in with the host."""
    made = composed(write_wit(tmp_path / "wit", ORDERS), tmp_path / "out", REGION)

    assert set(REGION) == set(functions_of(made.wit, "golem:api/host@0.2.0"))
    assert {"golem:api/host@0.2.0", "wasi:cli/environment@0.2.0"} == set(made.imports)
    assert ("0.2.0", "host") == (made.golem_api, made.host_module)
    assert ("hello-world", "demo:orders/orders@1.0.0", "demo:orders/types@1.0.0") == made.exports


def test_without_words_there_is_no_golem_import(tmp_path):
    """A component that uses nothing of Golem runs anywhere."""
    made = composed(write_wit(tmp_path / "wit", ORDERS), tmp_path / "out")

    assert (None, None) == (made.golem_api, made.host_module)
    assert {"wasi:cli/environment@0.2.0"} == set(made.imports)


def test_the_host_of_a_world_that_imports_it_is_cut_too(tmp_path):
    """The user's own import of golem:api/host brings only what the app uses; other imports stay whole."""
    made = composed(write_wit(tmp_path / "wit", GOLEM_DEFAULT, REFUSED), tmp_path / "out", ["oplog-commit"])

    assert ["oplog-commit"] == functions_of(made.wit, "golem:api/host@0.2.0")
    assert "[method]wasm-rpc.invoke" in functions_of(made.wit, "golem:rpc/types@0.1.0")
    assert "official-golem-rdbms-0.0.1" not in {path.name for path in (made.wit / "deps").iterdir()}


@pytest.mark.parametrize("version", ["0.2.0", "0.2.2", "1.1.0", "1.1.6"])
def test_every_function_of_the_host_can_be_had_alone_and_together(tmp_path, version):
    """Each cut of the host is WIT that parses by itself, without golem:rpc and WASI."""
    for words in ((), *((name,) for name in host_functions(version)), host_functions(version)):
        file = tmp_path / "host.wit"
        file.write_text(trimmed_host(version, words, wasi=NEWEST_WASI)["host.wit"])
        document = read_document(file)
        (interface,) = document.raw["interfaces"]
        plain = {name.rpartition("]")[2].partition(".")[0] for name in interface["functions"]}

        assert set(words) == plain
        assert [f"golem:api@{version}"] == [package["name"] for package in document.raw["packages"]]


def test_types_of_the_host_stay_and_depend_on_nothing(tmp_path):
    """Types cost nothing at run time, and code may name them."""
    text = trimmed_host("1.1.0", ["set-retry-policy"], wasi=NEWEST_WASI)["host.wit"]

    assert "use " not in text
    assert [True] * 4 == [
        part in text
        for part in ("type duration = u64", "record promise-id", "max-jitter-factor", "variant persistence")
    ]
    assert "resource" not in text


def test_later_versions_of_the_host_have_their_own_functions():
    """1.1.1 to 1.1.6 added functions; a world of an earlier version does not see them."""
    added = [set(host_functions(version)) - set(host_functions("1.1.0")) for version in ("1.1.0", "1.1.1", "1.1.3")]

    assert [set(), {"fork-worker"}, {"fork-worker", "revert-worker"}] == added
    assert "poll-promise" in host_functions("1.1.6")
    assert "get-self-uri" in set(host_functions("0.2.0")) - set(host_functions("1.1.6"))


def test_versions_are_those_that_the_world_names(tmp_path):
    """golem:api keeps the user's version; all WASI is of the user's version."""
    text = (
        "package a:b;\nworld w {\n  import golem:api/host@1.1.6;\n  import wasi:io/streams@0.2.3;\n"
        "  import wasi:keyvalue/eventual@0.1.0;\n  export run: func();\n}\n"
    )
    made = composed(write_wit(tmp_path / "wit", text), tmp_path / "out", ["fork-worker"], event_loop=True)

    assert "1.1.6" == made.golem_api
    assert ["fork-worker"] == functions_of(made.wit, "golem:api/host@1.1.6")
    assert {"0.2.3"} == {name.partition("@")[2] for name in made.imports if name.startswith(("wasi:io", "wasi:clocks"))}


def test_the_event_loop_brings_timers_and_nothing_of_http(tmp_path):
    """Async exports need pollables and a clock, at the newest WASI where the world has none."""
    text = "package a:b;\nworld w {\n  export run: func();\n}\n"
    made = composed(write_wit(tmp_path / "wit", text), tmp_path / "out", event_loop=True)

    assert {f"wasi:io/poll@{NEWEST_WASI}", f"wasi:clocks/monotonic-clock@{NEWEST_WASI}"} == set(made.imports)
    assert ("poll", "monotonic_clock") == (
        made.module_of_import("wasi:io/poll"),
        made.module_of_import("wasi:clocks/monotonic-clock"),
    )


def test_output_is_the_same_each_time_and_replaces_what_was_there(tmp_path):
    """Byte for byte, and without files of an earlier world."""
    wit = write_wit(tmp_path / "wit", GOLEM_DEFAULT, REFUSED)
    first = tree(composed(wit, tmp_path / "one", REGION).wit)
    (tmp_path / "two" / "deps" / "stale").mkdir(parents=True)
    (tmp_path / "two" / "deps" / "stale" / "x.wit").write_text("package stale:stale;\n")
    second = tree(composed(wit, tmp_path / "two", list(reversed(REGION))).wit)

    assert first == second


def test_module_names_are_those_of_the_users_whole_world(tmp_path):
    """Cutting golem:rpc out does not rename wasi:http/types, which code imports by the name that it had."""
    text = (
        "package a:b;\nworld w {\n  import golem:api/host@0.2.0;\n  import wasi:http/outgoing-handler@0.2.0;\n"
        "  export run: func();\n}\n"
    )
    made = composed(write_wit(tmp_path / "wit", text), tmp_path / "out", REGION)

    assert "wasi_http_types" == made.import_modules["wasi:http/types@0.2.0"]
    assert not any(name.startswith("golem:rpc") for name in made.imports)


def test_the_host_gives_way_to_an_interface_of_the_users(tmp_path):
    """Another imported interface called host keeps its name."""
    text = "package a:b;\ninterface host {\n  f: func();\n}\nworld w {\n  import host;\n  export run: func();\n}\n"
    made = composed(write_wit(tmp_path / "wit", text), tmp_path / "out", REGION)

    assert {"a:b/host": "host", "golem:api/host@0.2.0": "golem_api_host"} == dict(made.import_modules)


def test_exports_with_resources_avoid_modules_that_exist(tmp_path):
    """Resources are looked up in a top-level module, which must be nobody else's; other exports keep their names."""
    text = (
        "package a:b;\ninterface queue {\n  resource job {\n    constructor();\n  }\n}\n"
        "interface cart {\n  resource cart {\n    constructor();\n  }\n}\n"
        "interface types {\n  f: func();\n}\nworld w {\n  export queue;\n  export cart;\n  export types;\n}\n"
    )
    wit = write_wit(tmp_path / "wit", text)

    assert {"a:b/queue": "queue_interface", "a:b/cart": "cart", "a:b/types": "types"} == dict(
        composed(wit, tmp_path / "out").export_modules
    )
    taken = {"main", "cart", "cart_interface"}
    made = composed(wit, tmp_path / "out", taken=taken)
    assert ("cart_interface2", "CartInterface2") == (made.export_modules["a:b/cart"], made.export_class("a:b/cart"))


def test_names_follow_componentize_py():
    """Words, keywords, and what happens when two interfaces have one name."""
    assert ["CreateHttpUrl", "None_", "Api2"] == [camel(name) for name in ("create-http-URL", "none", "api2")]
    assert ["create_http_url", "import_", "match"] == [
        python_name(name) for name in ("create-http-URL", "import", "match")
    ]
    assert {
        "a:b/x@1.0.0": "a_b_x_1_0_0",
        "a:b/x@2.0.0": "a_b_x_2_0_0",
        "c:d/x": "c_d_x",
        "c:d/from": "from_",
    } == interface_modules(["a:b/x@1.0.0", "a:b/x@2.0.0", "c:d/x", "c:d/from"])


def test_packages_bring_all_that_they_use():
    """The closure over our own files, at one WASI."""
    needed = needed_packages([("wasi:keyvalue", "0.1.0"), ("wasi:http", "0.2.1")])

    assert "0.2.1" == needed.wasi
    assert {("wasi:keyvalue", "0.1.0"), ("wasi:http", "0.2.1"), ("wasi:io", "0.2.1"), ("wasi:cli", "0.2.1")} <= set(
        needed.packages
    )
    assert {"0.2.1", "0.1.0"} == {version for _, version in needed.packages}


def test_wheel_layout_finds_the_wit(tmp_path):
    """Installed, the WIT lies inside of the package."""
    script = (
        "import shutil, sys, pathlib, durable_codegen.wit.official as o\n"
        "p = pathlib.Path(sys.argv[1]); shutil.copytree(p, pathlib.Path(sys.argv[2]) / '_wit')\n"
        "o.__file__ = str(pathlib.Path(sys.argv[2]) / 'wit' / 'official.py')\n"
        "print(sorted(o.package_files('golem:api', '0.2.0', wasi='0.2.9')))\n"
    )
    import sys

    done = subprocess.run([sys.executable, "-c", script, WIT, tmp_path], capture_output=True, text=True, check=True)

    assert "['host.wit', 'snapshot.wit']" == done.stdout.strip()


def test_packages_and_worlds_may_have_names_that_are_keywords(tmp_path):
    """What WIT escapes with a `%` is escaped wherever the build writes it."""
    wit = "package my:%interface@0.1.0; interface %list { f: func(); } world %world { export %list; }"
    made = composed(write_wit(tmp_path / "wit", wit), tmp_path / "out", REGION)

    assert ("my:interface/list@0.1.0",) == made.exports
    assert "include my:%interface/%world@0.1.0;" in (made.wit / "world.wit").read_text()
