"""Loading components: the cache of machine code, sections, exports and imports."""

from __future__ import annotations

import contextlib
import json
import pickle
import subprocess
import sys
import zlib

import pytest

from durable_codegen.component.section import append_section
from durable_codegen.wit.toolchain import run_wasm_tools
from durable_dsl.engine.bridge.component import load
from durable_dsl.engine.directory.sections import custom_section
from durable_dsl.engine.traps import ComponentFault, UnknownExport
from tests.engine.bridge_guest import SHAPES, built, loaded
from tests.engine.programs import opened

SMALL = """
(component
  (core module $m (func (export "f") (param i32) (result i32) local.get 0))
  (core instance $i (instantiate $m))
  (func (export "same") (param "n" u32) (result u32) (canon lift (core func $i "f"))))
"""
#: As WASI 0.3 has them; some tools make such components unless they are told otherwise.
ASYNC = """
(component
  (core module $m (func (export "f")))
  (core instance $i (instantiate $m))
  (type $t (func async))
  (func (export "later") (type $t) (canon lift (core func $i "f"))))
"""


@pytest.fixture
def small(tmp_path):
    """A component in text form, which compiles at once."""
    path = tmp_path / "small.wat"
    path.write_text(SMALL)
    return path


@pytest.fixture
def compilations():
    """Counts how often something is compiled."""
    seen = []

    @contextlib.contextmanager
    def while_compiling(path):
        seen.append(path)
        yield

    return seen, while_compiling


def test_text_components_load_and_have_a_signature(small):
    """WebAssembly text is a component like any other."""
    assert ["same(n: u32) -> u32"] == [export.signature for export in load(small, None).exports]


def test_a_component_is_compiled_once(small, tmp_path, compilations):
    """The second load takes the machine code from the cache, and the content hash names the component."""
    seen, while_compiling = compilations
    first = load(small, tmp_path / "cache", while_compiling=while_compiling)
    second = load(small, tmp_path / "cache", while_compiling=while_compiling)

    assert [small] == seen
    assert first.hash == second.hash
    assert ["same"] == [export.name for export in second.exports]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign"])
def test_a_damaged_cache_file_is_replaced(small, tmp_path, compilations, damage):
    """What does not have its checksum is not mapped, but compiled and written again."""
    seen, while_compiling = compilations
    load(small, tmp_path, while_compiling=while_compiling)
    (file,) = tmp_path.glob("*.cwasm")
    good = file.read_bytes()
    file.write_bytes(
        {
            "truncated": good[: len(good) // 2],
            "flipped": good[:100] + bytes([good[100] ^ 1]) + good[101:],
            "empty": b"",
            "foreign": b"not machine code at all",
        }[damage]
    )
    load(small, tmp_path, while_compiling=while_compiling)

    assert 2 == len(seen)
    assert [good] == [path.read_bytes() for path in tmp_path.glob("*.cwasm")]


def test_machine_code_that_wasmtime_refuses_is_replaced(small, tmp_path, compilations):
    """A cache file with a right checksum that was made for something else is compiled again too."""
    seen, while_compiling = compilations
    load(small, tmp_path, while_compiling=while_compiling)
    (file,) = tmp_path.glob("*.cwasm")
    foreign = b"made by another wasmtime"
    file.rename(file.with_name(file.name.rpartition("-")[0] + f"-{zlib.crc32(foreign):08x}.cwasm"))
    (file,) = tmp_path.glob("*.cwasm")
    file.write_bytes(foreign)
    load(small, tmp_path, while_compiling=while_compiling)

    assert 2 == len(seen)
    assert 1 == len(list(tmp_path.glob("*.cwasm")))


def test_the_cache_may_vanish_and_need_not_be_writable(small, tmp_path):
    """Neither a deleted cache nor one that cannot be made keeps a component from loading."""
    cache = tmp_path / "cache"
    load(small, cache)
    for file in cache.iterdir():
        file.unlink()
    cache.rmdir()
    blocked = tmp_path / "file"
    blocked.write_text("in the way")

    assert load(small, cache).hash == load(small, blocked / "cache").hash


def test_interruptible_components_have_machine_code_of_their_own(small, tmp_path, compilations):
    """Both kinds are cached side by side."""
    seen, while_compiling = compilations
    for interruptible in (False, True, False, True):
        load(small, tmp_path, interruptible=interruptible, while_compiling=while_compiling)

    assert 2 == len(seen)


def test_code_that_was_compiled_quickly_is_kept_apart(small, tmp_path, compilations, monkeypatch):
    """Each way of compiling finds its own again, and leaves the other's where it is."""
    seen, while_compiling = compilations
    names = []
    for way in ("quick", "", "quick", ""):
        monkeypatch.setenv("DURABLE_DSL_COMPILE", way)
        found = load(small, tmp_path, while_compiling=while_compiling)
        names.append([export.name for export in found.exports])

    assert 2 == len(seen)
    assert 4 * [["same"]] == names
    assert ["plain", "plain_quick"] == sorted(file.name.split("-")[2] for file in tmp_path.glob("*.cwasm"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\0asm\1\0\0\0", "is a core WebAssembly module, not a component"),
        (b"\0asm\x0d\0\1\0\xff\xff", "is not a component that can be compiled"),
        (b"", "is not a component that can be compiled"),
        (b"PNG whatever", "is not a component that can be compiled"),
        (b"\x89PNG\xff\xfe", "is not a component that can be compiled"),
        (ASYNC.encode(), "this engine runs components of WASI 0.2"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    """A file that is no component is a fault that names the file."""
    path = tmp_path / "thing.wasm"
    path.write_bytes(content)
    with pytest.raises(ComponentFault, match=message) as caught:
        load(path, None)

    assert str(path) in str(caught.value)


def test_custom_sections_are_found_without_parsing(tmp_path):
    """The first top-level section of that name counts; there may be none."""
    path = tmp_path / "with.wasm"
    path.write_bytes(built().read_bytes() + b"\0\x0b\x05notes" + b"12345" + b"\0\x09\x05notes" + b"678")

    assert b"12345" == custom_section(path.read_bytes(), "notes", path)
    assert custom_section(path.read_bytes(), "durable-dsl", path) is None


def test_a_section_that_does_not_fit_is_a_fault(tmp_path):
    """A file cut off in the middle is told as such."""
    path = tmp_path / "cut.wasm"
    path.write_bytes(built().read_bytes()[:-3])
    with pytest.raises(ComponentFault, match="ends in the middle of a section"):
        custom_section(path.read_bytes(), "notes", path)


def test_exports_come_in_order_with_signatures():
    """Named types by their WIT names, the runtime's own export left out, a drop for each resource."""
    signatures = {export.name: export.signature for export in loaded().exports}

    assert "top" == next(iter(signatures))
    assert "an-order(v: order) -> order" == signatures[f"{SHAPES}#an-order"]
    assert "res-err(v: result<_, shape>) -> result<_, shape>" == signatures[f"{SHAPES}#res-err"]
    assert "a-many(v: many) -> many" == signatures[f"{SHAPES}#a-many"]
    cart = "tests:bridge/carts@1.2.0#"
    assert "[static]cart.merge(one: cart, other: borrow<cart>) -> cart" == signatures[f"{cart}[static]cart.merge"]
    assert "[drop]basket(self: basket)" == signatures[f"{cart}[drop]basket"]
    assert not [name for name in signatures if name.startswith("exports")]


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("top", "top"),
        ("an-order", f"{SHAPES}#an-order"),
        ("an_order", f"{SHAPES}#an-order"),
        ("shapes#two", f"{SHAPES}#two"),
        ("tests:bridge/shapes#two", f"{SHAPES}#two"),
        (f"{SHAPES}#two", f"{SHAPES}#two"),
        ("[method]cart.add", "tests:bridge/carts@1.2.0#[method]cart.add"),
        ("carts#[constructor]cart", "tests:bridge/carts@1.2.0#[constructor]cart"),
        ("[drop]cart", "tests:bridge/carts@1.2.0#[drop]cart"),
        ("tests:bridge/shapes.{two}", f"{SHAPES}#two"),
        (f"{SHAPES}.{{an-order}}", f"{SHAPES}#an-order"),
        ("tests:bridge/carts.{cart.add}", "tests:bridge/carts@1.2.0#[method]cart.add"),
        ("tests:bridge/carts.{cart.new}", "tests:bridge/carts@1.2.0#[constructor]cart"),
        ("tests:bridge/carts.{cart.drop}", "tests:bridge/carts@1.2.0#[drop]cart"),
        ("tests:bridge/carts.{[static]cart.merge}", "tests:bridge/carts@1.2.0#[static]cart.merge"),
    ],
)
def test_exports_are_found_by_every_spelling(name, full):
    """Short where unique, with or without package and version, and in Golem's form."""
    assert full == loaded().resolve(name).name


def test_ambiguous_and_unknown_names_list_candidates():
    """The error names the full spellings, and survives pickling."""
    with pytest.raises(UnknownExport) as ambiguous:
        loaded().resolve("two")
    with pytest.raises(UnknownExport) as unknown:
        loaded().resolve("place")

    assert (f"{SHAPES}#two", "tests:bridge/probe@1.2.0#two") == ambiguous.value.candidates
    assert "give the full name" in str(ambiguous.value)
    assert "there is no export `place`" in str(unknown.value)
    assert str(unknown.value) == str(pickle.loads(pickle.dumps(unknown.value)))


def test_an_unknown_name_that_is_close_to_an_export_is_told():
    """Nothing is guessed where nothing is close."""
    with pytest.raises(UnknownExport, match=r"no export `tw` \(did you mean `two`\?\)"):
        loaded().resolve("tw")
    with pytest.raises(UnknownExport, match="there is no export `place`; the component exports:"):
        loaded().resolve("place")


def test_a_function_that_is_not_exported_is_told(tmp_path):
    """With its place, which the build has written down; it survives pickling."""
    (tmp_path / "small.wat").write_text(SMALL)
    assert not run_wasm_tools(["parse", tmp_path / "small.wat", "-o", tmp_path / "small.wasm"]).failed
    facts = {"format": 1, "name": "small", "exports": [], "functions": {"not_same": "app.py:7"}}
    append_section(tmp_path / "small.wasm", "durable-dsl", json.dumps(facts).encode())
    with opened(tmp_path / "data") as engine, pytest.raises(UnknownExport) as unknown:
        engine.load(tmp_path / "small.wasm").resolve("not-same")

    said = "there is no export `not-same` (app.py:7 defines it and does not export it: mark it with @export, or "
    assert str(unknown.value).startswith(said)
    assert str(unknown.value) == str(pickle.loads(pickle.dumps(unknown.value)))


def test_what_callers_may_leave_out_comes_from_the_build(tmp_path):
    """Defaults by the names of exports, from the section."""
    (tmp_path / "small.wat").write_text(SMALL)
    assert not run_wasm_tools(["parse", tmp_path / "small.wat", "-o", tmp_path / "small.wasm"]).failed
    [name] = [export.name for export in load(tmp_path / "small.wasm", None).exports]
    facts = {"format": 1, "exports": [], "arguments": {"defaults": {name: {"x": 1}}, "aliases": {}}}
    append_section(tmp_path / "small.wasm", "durable-dsl", json.dumps(facts).encode())
    [export] = load(tmp_path / "small.wasm", None).exports

    assert {"x": 1} == export.defaults


def test_imports_are_known_by_interface():
    """Names, versions, functions and types of what a component imports."""
    imports = {item.name: item for item in loaded().imports}
    poll = imports["wasi:io/poll"]

    assert "poll(in: list<borrow<pollable>>) -> list<u32>" == poll.type_of("poll").signature("poll")
    assert poll.id == f"wasi:io/poll@{poll.version}"
    assert ("noop", "fail") == tuple(f for f in imports["tests:bridge/tools"].functions if f in {"noop", "fail"})
    assert ("log",) == imports[""].functions


def test_aliases_are_one_resource():
    """`pollable` and `window` are the resources that they rename, whichever interface they stand in."""
    imports = {item.name: item.resources for item in loaded().imports}

    assert imports["wasi:io/poll"]["pollable"] is imports["wasi:clocks/monotonic-clock"]["pollable"]
    assert imports["tests:bridge/tools"]["cursor"] is imports["tests:bridge/views"]["window"]
    names = [resource.name for resource in loaded().host_resources]
    assert 1 == names.count("pollable")


def test_another_wasmtime_is_refused_at_once(tmp_path):
    """The error says which version is wanted and how to get it."""
    script = f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport durable_dsl.engine.bridge.component\n"
    (tmp_path / "wasmtime").mkdir()
    (tmp_path / "wasmtime" / "__init__.py").write_text("raise AssertionError('loaded')")
    (tmp_path / "wasmtime-49.0.0.dist-info").mkdir()
    (tmp_path / "wasmtime-49.0.0.dist-info" / "METADATA").write_text("Name: wasmtime\nVersion: 49.0.0\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert 1 == done.returncode
    assert "the engine works with wasmtime 50.0.1 only, and 49.0.0 is installed: pip install" in done.stderr
