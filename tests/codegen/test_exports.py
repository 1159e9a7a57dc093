"""Which functions and classes become exports: all that bear the mark, by whatever way, or a fault."""

from __future__ import annotations

import re

import pytest

from durable_codegen.build import emit_only, inferred_wit
from durable_codegen.faults import BuildFailed
from durable_codegen.project.config import resolve
from tests.codegen.projects import faults_of, write

IMPORTS = "import functools\nimport sys\nfrom durable_dsl import atomic, export, retry\n"


def settings(folder, app, files=()):
    write(folder, {"app.py": IMPORTS + app, **dict(files)})
    return resolve({"app": "app.py"}, environment={}, folder=folder)


def exports(folder, app, files=()):
    """The names of the functions and resources of the inferred world."""
    return re.findall(r"(?m)^ {4}(?:resource )?([\w-]+)(?:: func| \{)", inferred_wit(settings(folder, app, files))[0])


def faults(folder, app, files=()):
    """Code and line (within `app`) of each fault."""
    with pytest.raises(BuildFailed) as failed:
        exports(folder, app, files)
    return [(each.code, each.line and each.line - IMPORTS.count("\n")) for each in failed.value.faults]


TWO = "def a(x: int) -> int: return x\ndef b(x: int) -> int: return x\n"


@pytest.mark.parametrize(
    ("app", "names"),
    [
        (f"{TWO}a, b = export(a), export(b)\n", ["a", "b"]),
        (f"{TWO}a = export(a); b = export(b)\n", ["a", "b"]),
        (f"{TWO}for each in [a, b]:\n    globals()[each.__name__] = export(each)\n", ["a", "b"]),
        (f"{TWO}for each in [a, b]:\n    setattr(sys.modules[__name__], each.__name__, export(each))\n", ["a", "b"]),
        (f"{TWO}a = export(a)\nc = d = a\n", ["a"]),
        (f"{TWO}c, d = export(a), export(a)\n", ["c", "d"]),
        (f"{TWO}c = export(functools.partial(a, 1))\nd = export(functools.partial(b))\n", ["c", "d"]),
        ("if sys.version_info > (3,):\n    @export\n    def a() -> None: ...\nelse:\n    a = None\n", ["a"]),
        ("class A: ...\nclass B: ...\nA, B = export(A), export(B)\n", ["a", "b"]),
    ],
    ids=["tuple", "one-line", "globals", "setattr", "alias", "twice", "partial", "condition", "classes"],
)
def test_every_export_is_found_by_what_it_is(tmp_path, app, names):
    """Not by its line, nor by its name."""
    assert names == exports(tmp_path, app)


HELPER = """
def durable(function):
    return export(retry(max_attempts=3)(atomic(function)))

@durable
def one() -> int: return 1
@durable
def two() -> int: return 2
"""


def test_a_helper_that_marks(tmp_path):
    """All that it marks are exports, each with its regions; a policy may be pending, as the helper may be called."""
    emit_only(settings(tmp_path, HELPER), tmp_path / "emitted")
    wrapper = (tmp_path / "emitted" / "durable_wrapper.py").read_text()

    assert ["one", "two"] == exports(tmp_path, HELPER)
    assert 2 == wrapper.count("region = mark_begin_operation()")
    assert 2 == wrapper.count("    restore_pending()")


def test_a_helper_from_another_module(tmp_path):
    """The marks then have the place of the helper, which is none of the exports'."""
    files = {"helpers.py": IMPORTS + "def durable(function):\n    return export(atomic(function))\n"}
    app = "from helpers import durable\n@durable\ndef one() -> int: ...\n@durable\ndef two() -> int: ...\n"

    assert ["one", "two"] == exports(tmp_path, app, files)


@pytest.mark.parametrize(
    ("app", "line"),
    [
        (f"{TWO}kept = [export(a)]\n", 3),
        (f"{TWO}export(a)\n", 3),
        ("def make():\n    @export\n    def inner() -> None: ...\n    return inner()\nmake()\n", 2),
        ("class A:\n    @property\n    @export\n    def size(self) -> int: ...\n", 3),
        ("@export\ndef a(x: int) -> int: ...\na = lambda: 1\n", 1),
        (
            "def wrap(f):\n    @functools.wraps(f)\n    def g(): f()\n    return g\n@wrap\n@export\ndef a(): ...\n",
            6,
        ),
        ("class A:\n    class B:\n        @export\n        def a(self) -> int: ...\n", 3),
        ("@export\nclass A: ...\nclass A: ...\n", 1),
    ],
    ids=["list", "dropped", "local", "property", "replaced", "below", "nested", "class-replaced"],
)
def test_what_no_name_stands_for_is_a_fault(tmp_path, app, line):
    """It would be left out without a word."""
    app += "@export\ndef other() -> None: ...\n"

    assert [("DSL615", line)] == faults(tmp_path, app)


def test_a_private_method_that_is_marked(tmp_path):
    """Only public methods are exported with their class."""
    app = "@export\nclass A:\n    @export\n    def _hidden(self) -> int: ...\n"

    assert [("DSL609", 3)] == faults(tmp_path, app)


def test_a_name_that_is_defined_twice(tmp_path):
    """By hand or by a helper, the first would be lost."""
    twice = HELPER + "@durable\ndef one(x: int) -> int: return 3\n"

    assert [("DSL606", 10)] == faults(tmp_path, twice)


def test_with_wit_too(tmp_path):
    """Named marks on one line are told apart, and what no name stands for is a fault."""
    app = (
        IMPORTS
        + "def p(order): ...\ndef m(source, target): ...\n"
        + 'p, m = export("orders#place")(p), export("orders#move")(m)\nkept = [export("orders")(print)]\n'
    )

    found = [(each.code, each.line) for each in faults_of(tmp_path, {"app.py": app}) if each.severity == "error"]
    assert [("DSL615", 7)] == found


def test_objects_that_answer_to_everything(tmp_path):
    """Mocks and proxies at the top of a module are none of our business."""
    app = """
from unittest.mock import MagicMock
class Proxy:
    def __getattr__(self, name): return self
    def __call__(self): return self
class Broken:
    def __getattr__(self, name): raise RuntimeError(name)
    def __call__(self): ...
class Meta(type):
    @property
    def weird(cls): raise ValueError
class Odd(metaclass=Meta): ...
mock, proxy, broken = MagicMock(), Proxy(), Broken()
@export
def a() -> None: ...
"""
    assert ["a"] == exports(tmp_path, app)


def test_an_app_that_changes_its_process(tmp_path):
    """What it does to the path, the streams or its own names is over when the build looks at it."""
    app = "sys.stdout = None\n@export\ndef a() -> None: ...\na.__doc__ = 5\na.__name__ = '\"'\nsys.path.clear()\n"

    assert ["a"] == exports(tmp_path, app)


def test_a_class_that_bears_no_mark(tmp_path):
    """One that is not written in Python."""
    assert [("DSL008", 1)] == faults(tmp_path, "number = export(int)\n")


@pytest.mark.parametrize("kind", ["# instance", "@staticmethod", "@classmethod"])
def test_a_method_that_is_called_like_its_class(tmp_path, kind):
    """WIT refuses it; the name may be another."""
    app = f"@export\nclass Box:\n    {kind}\n    MARK\n    def box(cls=1) -> int: ...\n"
    app = app.replace("cls=1", "" if "static" in kind else "cls")

    assert [("DSL606", 5)] == faults(tmp_path, app.replace("MARK", "# none"))
    assert ["box"] == exports(tmp_path, app.replace("MARK", '@export("other")'))


def test_what_python_makes_of_a_class_has_the_place_of_the_class(tmp_path):
    """A partialmethod stands in a file of Python's; a Protocol's constructor takes what nobody gives."""
    app = "@export\nclass A:\n    p = functools.partialmethod(lambda self, y: y, 1)\n"
    protocol = "from typing import Protocol\nclass P(Protocol): ...\n@export\nclass C(P): ...\n"

    assert [("DSL602", 1)] == faults(tmp_path, app)
    assert ["c"] == exports(tmp_path, protocol)
