"""Names that the bindings have elsewhere than where one looks for them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from durable_codegen.build import write_bindings
from durable_codegen.project.config import resolve
from tests.codegen.projects import faults_of, write

WIT = """package demo:lib;
interface base { record book { id: string } enum kind { a, b } }
interface types { use base.{book, kind as sort}; type shelf = list<book>; record page { n: u8 } }
interface lending {
    use types.{book as tome, page, sort};
    lend: func(b: tome, p: page, s: sort) -> string;
}
interface returning { use lending.{page}; back: func(p: page); }
world app { export lending; export returning; }
"""
LEND = "def lend(b, p, s): ...\ndef back(p): ...\n"
TYPES, BASE = "wit_world.imports.types", "wit_world.imports.base"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("from wit_world.exports.lending import Page", f"from {TYPES} import Page"),
        ("from wit_world.exports.lending import Tome", f"from {BASE} import Book as Tome"),
        ("from wit_world.exports.lending import Sort", f"from {BASE} import Kind as Sort"),
        ("from wit_world.imports.types import Book", f"from {BASE} import Book"),
        ("from wit_world.exports import lending\nlending.Page", f"from {TYPES} import Page"),
        ("from wit_world.exports.returning import Page", f"from {TYPES} import Page"),
    ],
)
def test_the_build_says_where_a_name_is(tmp_path, line, said):
    """As an import to paste."""
    (fault,) = faults_of(tmp_path, {"wit/world.wit": WIT, "app.py": f"{line}\n{LEND}"})

    assert "DSL210" == fault.code
    assert f"app.py:{line.count(chr(10)) + 1}" == fault.place
    assert fault.message.endswith(f"write {said}")
    assert "/tmp" not in str(fault)


def test_what_is_said_works(tmp_path):
    """Each of the imports that are named gets the type."""
    app = f"from {TYPES} import Page\nfrom {BASE} import Book as Tome, Kind as Sort\n{LEND}"

    assert () == faults_of(tmp_path, {"wit/world.wit": WIT, "app.py": app})


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("from wit_world.imports.lending import lend", "the world has it as wit_world.exports.lending"),
        ("import wit_world.exports.nothing", "the world has wit_world.exports.lending, wit_world.exports.returning"),
    ],
)
def test_a_module_that_the_bindings_do_not_have(tmp_path, line, hint):
    """Where it is, or what there is."""
    (fault,) = faults_of(tmp_path, {"wit/world.wit": WIT, "app.py": f"{line}\n{LEND}"})

    assert fault.hint.startswith(hint)


def test_a_name_that_is_nowhere_is_an_attribute_error(tmp_path):
    """As of any module, and without a folder of the build's."""
    (fault,) = faults_of(tmp_path, {"wit/world.wit": WIT, "app.py": f"from {TYPES} import Nope\n{LEND}"})

    assert fault.message.endswith(f"cannot import name 'Nope' from '{TYPES}'")


def test_pytest_and_type_checkers(tmp_path):
    """The stubs that tests find say the same; to a type checker a wrong name stays wrong."""
    test = "import pytest\ndef test_it():\n    with pytest.raises(ImportError, match='imports.types import Page'):\n"
    test += "        from wit_world.exports.lending import Page\n"
    write(
        tmp_path,
        {
            "wit/world.wit": WIT,
            "app.py": LEND,
            "test_it.py": test,
            "typed.py": "from wit_world.exports.lending import Nope\n",
        },
    )
    write_bindings(resolve({"app": "app.py"}, environment={}, folder=tmp_path), tmp_path / ".durable/bindings")
    environment = {**os.environ, "MYPYPATH": ".durable/bindings"}
    options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
    ran = [
        subprocess.run([sys.executable, "-m", *command], check=False, **options)
        for command in (["pytest", "-q", "-p", "no:cacheprovider", "test_it.py"], ["mypy", "typed.py"])
    ]

    assert 0 == ran[0].returncode, ran[0].stdout
    assert 'has no attribute "Nope"' in ran[1].stdout
