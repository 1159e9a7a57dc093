"""Custom sections of a component."""

from __future__ import annotations

import pytest

from durable_codegen.component.section import append_section, read_section, replacing
from durable_codegen.wit.toolchain import run_wasm_tools


@pytest.fixture
def component(tmp_path):
    """A small component."""
    text = tmp_path / "small.wat"
    text.write_text('(component (core module (func (export "f"))) (import "x" (func)))')
    binary = tmp_path / "small.wasm"
    assert not run_wasm_tools(["parse", text, "-o", binary]).failed
    return binary


def test_a_section_is_read_back_and_keeps_the_component_valid(component):
    """Appended, found by name, and no concern of a validator."""
    append_section(component, "durable-dsl", b"{}")

    assert b"{}" == read_section(component, "durable-dsl")
    assert not run_wasm_tools(["validate", component]).failed


def test_the_last_section_of_a_name_counts(component):
    """Other names are passed over, large ones too."""
    for name, payload in (("durable-dsl", b"one"), ("other", b"x" * 70_000), ("durable-dsl", b"two" * 5_000)):
        append_section(component, name, payload)

    assert b"two" * 5_000 == read_section(component, "durable-dsl")
    assert b"x" * 70_000 == read_section(component, "other")
    assert read_section(component, "durable") is None


def test_what_is_no_component_is_refused(tmp_path):
    """Neither read nor changed."""
    file = tmp_path / "text.wasm"
    file.write_bytes(b"not a component at all")
    with pytest.raises(ValueError, match="not a WebAssembly binary"):
        read_section(file, "x")
    with pytest.raises(ValueError, match="not a WebAssembly binary"):
        append_section(file, "x", b"")

    assert b"not a component at all" == file.read_bytes()


def test_a_component_that_breaks_off_is_refused(component):
    """A length that leads beyond the end of the file."""
    append_section(component, "durable-dsl", b"x" * 300)
    component.write_bytes(component.read_bytes()[:-5])
    with pytest.raises(ValueError, match="ends in the middle"):
        read_section(component, "durable-dsl")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    """Output comes into place at the end or not at all."""
    target = tmp_path / "out.wasm"
    target.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt

    assert [target] == list(tmp_path.iterdir())
    assert b"old" == target.read_bytes()
