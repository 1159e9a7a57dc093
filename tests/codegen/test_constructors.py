"""How objects of exported classes are made, and what callers may leave out: taken as Python has it, or a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from durable_codegen.build import emit_only, inferred_wit
from durable_codegen.faults import BuildFailed
from durable_codegen.project.config import resolve
from durable_dsl.engine import Engine
from tests.codegen.projects import write
from tests.components import built_once

APPS = Path(__file__).parent / "apps"
IMPORTS = "from dataclasses import *\nfrom decimal import *\nfrom enum import *\nfrom typing import *\nimport uuid\n"
IMPORTS += "from durable_dsl import export\nT = TypeVar('T')\n"


def faults(folder, app):
    """Code, line (within `app`) and severity of each fault; notes are left out."""
    write(folder, {"app.py": IMPORTS + app})
    settings = resolve({"app": "app.py"}, environment={}, folder=folder)
    try:
        found = emit_only(settings, folder / "emitted")
    except BuildFailed as failed:
        found = failed.faults
    before = IMPORTS.count("\n")
    return [(each.code, (each.line or 0) - before, each.severity) for each in found if each.severity != "note"]


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    component = built_once(APPS / "odd", tmp_path_factory)
    with Engine.open(tmp_path_factory.mktemp("data"), output=lambda *_: None) as engine:
        yield engine.worker("odd", engine.load(component))


def test_floats_that_json_has_no_numbers_for(worker):
    """Infinities, NaN and a negative zero."""
    assert worker.invoke("floats") == "inf -inf nan -0.0"
    assert worker.invoke("floats", 1.5) == "1.5 -inf nan -0.0"


def test_defaults_of_every_type(worker):
    """Bytes, members, tuples, dataclasses, cases of unions, dicts, lists and options."""
    assert worker.invoke("values") == (
        "(b'\\x00\\xff', 'BLUE', 3, ((1, 'x'), inf), Point(x=1, y=inf), Nowhere(), Point(x=2, y=3.5), {'one': 1}, "
        "[1, 2], inf, None)"
    )


@pytest.mark.parametrize(
    ("resource", "arguments", "method", "result"),
    [
        ("number", [7], "get", 7),
        ("by-new", [7], "get", 14),
        ("by-new", [7, 3], "get", 21),
        ("by-meta", [7], "get", 14),
        ("fields", [1, 2], "get", [1, 2]),
        ("fields", [1, 2, [3]], "get", [1, 2, 3]),
        ("pair", [1], "both", "1 right"),
        ("positional", [1], "get", 6),
        ("inherits", [1, 1], "get", 2),
    ],
)
def test_ways_to_make_an_object(worker, resource, arguments, method, result):
    """Generic bases, __new__, a metaclass, fields, a NamedTuple, every kind of parameter, and inherited ones."""
    made = worker.invoke(f"[constructor]{resource}", *arguments)

    assert result == worker.invoke(f"[method]{resource}.{method}", made)


def test_exports_made_by_helpers_and_on_one_line(worker):
    """Each is called as itself."""
    assert ["first", "second", 5, 6] == [
        worker.invoke("first"),
        worker.invoke("second"),
        worker.invoke("three", 2),
        worker.invoke("four", 2),
    ]


@pytest.mark.parametrize(
    ("parameters", "kinds"),
    [
        ("a: int = 'x'", 1),
        ("a: int = None", 1),
        ("a: int = object()", 1),
        ("a: int | None = Decimal(1)", 1),
        ("a: str = '\\ud800'", 1),
        ("a: int = 1 << 63", 1),
        ("a: int = 1, b: int = 'x'", 2),
        ("a: int = 1, *, b: str", 1),
        ("a: int = True", 1),
        ("a: float = 1, b: float = float('inf')", 0),
        ("a: int = 1, b: None | str = 'x'", 0),
    ],
)
def test_a_default_that_callers_cannot_rely_on(tmp_path, parameters, kinds):
    """It is said, with its line; the build goes on."""
    found = faults(tmp_path, f"@export\ndef f({parameters}) -> None: ...\n")

    assert [("DSL616", 2, "warning")] * kinds == found


def test_a_default_that_is_made_anew(tmp_path):
    """What makes the same each time is known; what does not is not frozen into the component."""
    app = """@export
@dataclass
class A:
    a: list[int] = field(default_factory=list)
    b: str = field(default_factory=lambda: str(uuid.uuid4()))
    c: dict[str, int] = field(default_factory=dict)
"""
    assert [("DSL616", 1, "warning")] * 2 == faults(tmp_path, app)


@pytest.mark.parametrize(
    "app",
    [
        "@export\nclass A(Enum):\n    X = 1\n",
        "@export\nclass A(Protocol):\n    def a(self) -> int: ...\n",
        "@export\nclass A(TypedDict):\n    a: int\n",
        "@export\nclass A(Generic[T]):\n    def a(self) -> T: ...\n",
        "class B(Generic[T]): ...\n@export\nclass A(B[T]): ...\n",
    ],
    ids=["enum", "protocol", "typed-dict", "generic", "generic-base"],
)
def test_classes_that_are_no_resources(tmp_path, app):
    """No object can be made of them from outside."""
    assert [("DSL609", app.count("\n", 0, app.index("class A")) + 1, "error")] == faults(tmp_path, app)


def test_two_ways_that_contradict_each_other(tmp_path):
    """Python would hand the arguments to both."""
    app = """@export
class A:
    def __new__(cls, a: int): return super().__new__(cls)
    def __init__(self, b: str) -> None: ...
"""
    assert [("DSL609", 2, "error")] == faults(tmp_path, app)


def test_type_variables_of_bases_stand_for_types(tmp_path):
    """Through several levels, in parameters, results and in containers."""
    app = """
U = TypeVar("U")
class A(Generic[T, U]):
    def __init__(self, a: T, b: list[U]) -> None: ...
    def get(self) -> dict[str, T] | None: ...
class B(A[T, str]): ...
@export
class C(B[int]): ...
"""
    write(tmp_path, {"app.py": IMPORTS + app})
    text = inferred_wit(resolve({"app": "app.py"}, environment={}, folder=tmp_path))[0]

    assert "constructor(a: s64, b: list<string>);" in text
    assert "get: func() -> option<list<tuple<string, s64>>>;" in text
