"""The parts that generated code is put together from: names, layout, branches of an `if`."""

from __future__ import annotations

import ast

import pytest

from durable_codegen.app.branches import taken
from durable_codegen.source.layout import WIDTH, call_lines, comment
from durable_codegen.source.scope import Scope, free


def test_names_step_aside_for_parameters():
    """Under an alias where the name is taken, else as they are."""
    scope = Scope({"call", "host"})

    assert scope.object("durable_dsl.binding.boundary", "call") == "call_"
    assert scope.object("durable_dsl.binding.boundary", "fail") == "fail"
    assert scope.module("shop.host", "app") == "app"
    assert scope.module("other.host") == "other_host"
    assert scope.define("list") == "list_"
    assert free("class", set()) == "class_"


def test_imports_are_sorted():
    """Standard library first, plain imports before others, names as isort has them."""
    scope = Scope(set())
    for module, name in [("typing", "Self"), ("typing", "Any"), ("zeta", "b"), ("zeta", "A"), ("zeta", "C_D")]:
        scope.object(module, name)
    scope.module("wit_world.exports")
    scope.module("shop", "app")
    scope.module("orders")

    assert scope.imports() == [
        "from typing import Any, Self",
        "",
        "import orders",
        "import shop as app",
        "from wit_world import exports",
        "from zeta import C_D, A, b",
    ]


def test_long_imports_have_a_line_for_each_name():
    """As the formatter has them."""
    scope = Scope(set())
    for number in range(12):
        scope.object("module", f"name_{number:02}")

    lines = scope.imports()
    assert lines[0] == "from module import ("
    assert lines[1] == "    name_00,"
    assert lines[-1] == ")"


@pytest.mark.parametrize(("count", "lines"), [(0, 1), (3, 1), (6, 3), (12, 14)])
def test_calls_are_broken_as_the_formatter_does(count, lines):
    """On one line, on three, or with an argument a line."""
    call = call_lines("result = function", [f"argument_{number}" for number in range(count)], 8)

    assert len(call) == lines
    assert all(len(line) + 8 <= WIDTH for line in call)
    ast.parse("\n".join(call))


def test_comments_stand_at_the_end_or_above():
    """Whatever does not fit is cut."""
    assert comment("x = 1", "short", 8) == ["x = 1  # short"]
    assert comment("x = 1", "y" * 75, 8) == ["# " + "y" * 75, "x = 1"]
    assert comment("x = 1", "y" * 100, 8) == ["# " + "y" * 77 + "…", "x = 1"]


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("TYPE_CHECKING", False),
        ("not typing.TYPE_CHECKING", True),
        ("sys.platform == 'win32'", False),
        ("sys.platform in ('wasi', 'linux')", True),
        ("sys.platform.startswith('wasi')", True),
        ("sys.version_info >= (3, 11)", True),
        ("sys.version_info[0] == 2", False),
        ("sys.version_info[:2] < (3, 10)", False),
        ("os.name == 'nt' or sys.platform == 'wasi'", True),
        ("DEBUG or sys.platform == 'wasi'", True),
        ("DEBUG and sys.platform == 'linux'", False),
        ("__name__ == '__main__'", False),
        ("DEBUG", None),
        ("sys.platform == NAME", None),
        ("sys.version_info >= '3'", None),
        ("0", False),
    ],
)
def test_branches_that_the_guest_takes(test, expected):
    """Known from the source, or not."""
    assert taken(ast.parse(test, mode="eval").body) is expected
