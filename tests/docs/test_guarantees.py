"""Every guarantee of docs/guarantees.md is shown by tests of the file it names, and no test bears an unknown id."""

from __future__ import annotations

import ast
import re

from .pages import ROOT

ROW = re.compile(r"^\| ([A-Z]+-\d+) \| .* \| \[[^\]]*\]\(\.\./([^)]+)\) \|$", re.MULTILINE)


def promised():
    return dict(ROW.findall((ROOT / "docs" / "guarantees.md").read_text()))


def borne():
    """Guarantee → the files with tests that bear it."""
    found = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                for mark in node.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.guarantee":
                        for argument in mark.args:
                            assert isinstance(argument, ast.Constant)
                            found.setdefault(argument.value, set()).add(str(path.relative_to(ROOT)))
    return found


def test_each_guarantee_is_shown_where_the_page_says():
    """The file that a row names has a test with the row's id."""
    shown = borne()

    assert [] == [(name, file) for name, file in promised().items() if file not in shown.get(name, ())]


def test_no_test_bears_an_unknown_guarantee():
    """An id that the page does not have is a mistake in one of the two."""
    assert set(borne()) <= set(promised())


def test_the_ids_are_all_read():
    """Every row that looks like one is one."""
    lines = re.findall(r"^\| [A-Z]+-\d+ ", (ROOT / "docs" / "guarantees.md").read_text(), re.MULTILINE)

    assert len(promised()) == len(lines) > 20
