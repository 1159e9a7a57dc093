"""Expressions laid out as ruff lays them out, whatever they hold and wherever they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from durable_codegen.source.expressions import Unless, call, comprehension, flat, laid_out, literal, replaced

RUFF = Path(sys.executable).with_name("ruff")


def nested(width):
    """One of everything, of a size."""
    name = "n" * width
    pair = literal("(", [call("check", [name, '"what it is"']), name], ")")
    single = literal("(", [call("single", [name])], ")")
    items = comprehension("[", call("line", [name]), f"for {name} in values", "]")
    table = comprehension("{", literal("key: (", [name], ")"), "for key in values", "}")
    return [pair, single, items, table, Unless(name, call("check", [name, "other"])), name]


@pytest.mark.parametrize("width", [1, 8, 14, 20, 26, 40, 60])
def test_layout_is_the_formatters(width, tmp_path):
    """In assignments and in arguments, flat and broken, at any depth."""
    lines = []
    for each in nested(width):
        lines += laid_out(each, 0, "value = ")
        lines += laid_out(call("outer", [each, "short", call("inner", [each])]), 0, "value = ")
    path = tmp_path / "text.py"
    path.write_text("\n".join(lines) + "\n")
    done = subprocess.run([RUFF, "format", "--isolated", "--diff", path], check=False, capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, "")


def test_tuples_of_one_stay_tuples():
    """Also as an argument by keyword, and broken."""
    assert flat(literal("a=(", ["x"], ")")) == "a=(x,)"
    assert laid_out(literal("(", ["x" * 90], ")"), 0, "y = ") == ["y = (", f"    {'x' * 90},", ")"]


def test_text_is_replaced_everywhere():
    """In parts, in what stands before them, and in conditions."""
    before = Unless("a", comprehension("[", call("Cart.holding", ["item"]), "for item in a", "]"))

    assert flat(replaced(before, "Cart.", "cls.")) == "None if a is None else [cls.holding(item) for item in a]"
