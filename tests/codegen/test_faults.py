"""Faults as people and programs see them, and their catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from durable_codegen.catalogue import CATALOGUE
from durable_codegen.faults import BuildFailed, Fault, render, to_json

FAULT = Fault("DSL003", "max_attempts is -1", "orders.py", 12, "give a whole number")


def test_text_is_a_place_and_what_to_do():
    """An editor finds the place; the hint stands below."""
    assert render([FAULT]) == "orders.py:12: error DSL003: max_attempts is -1\n    give a whole number"


def test_detail_and_further_lines_stand_between():
    """A message of several lines, such as wasm-tools' own, then a traceback, then the hint."""
    fault = Fault("DSL101", "does not parse\n  --> a.wit:1:2", "a.wit", 1, "hint", detail="Traceback\n  File")

    assert render([fault]).splitlines() == [
        "a.wit:1: error DSL101: does not parse",
        "      --> a.wit:1:2",
        "    Traceback",
        "      File",
        "    hint",
    ]


def test_faults_come_by_place_and_once():
    """Two checks may find the same; people read from top to bottom."""
    later = Fault("DSL001", "later", "orders.py", 40)
    first = Fault("DSL001", "first", "a.py", 50)
    failed = BuildFailed([later, FAULT, FAULT, first])

    assert failed.faults == (first, FAULT, later)


def test_colour_only_where_asked_for():
    """The caller knows about terminals and NO_COLOR."""
    assert "\x1b[" not in render([FAULT])
    assert "\x1b[1;31merror DSL003:\x1b[0m" in render([FAULT], color=True)


def test_json_form():
    """The fields of `build --json`; detail only where there is one."""
    assert to_json(FAULT) == {
        "code": "DSL003",
        "severity": "error",
        "file": "orders.py",
        "line": 12,
        "message": "max_attempts is -1",
        "hint": "give a whole number",
    }
    assert to_json(Fault("DSL210", "x", detail="Traceback"))["detail"] == "Traceback"


def test_a_code_has_to_be_in_the_catalogue():
    """A fault that the documentation does not know cannot be made."""
    with pytest.raises(ValueError, match="DSL999"):
        Fault("DSL999", "unknown")


def test_catalogue_is_in_order_and_says_something():
    """Every code has a title without a full stop, and a paragraph with one."""
    assert list(CATALOGUE) == sorted(CATALOGUE)
    for code, entry in CATALOGUE.items():
        assert re.fullmatch(r"DSL\d{3}", code)
        assert entry.title
        assert not entry.title.endswith(".")
        assert entry.text.endswith(".")


def test_every_code_in_use_is_in_the_catalogue():
    """In the build and in the package; and the catalogue has none that nothing reports."""
    root = Path(__file__).parents[2]
    sources = [path for folder in ("codegen", "durable_dsl") for path in (root / folder).rglob("*.py")]
    used = {
        code
        for path in sources
        if "catalogue" not in path.parts
        for code in re.findall(r"\bDSL\d{3}\b", path.read_text(encoding="utf-8"))
    }

    assert sorted(used) == sorted(CATALOGUE)
