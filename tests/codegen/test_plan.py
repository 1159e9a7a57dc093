"""Which function or class of an app implements which export, and which of its marks are compiled."""

from __future__ import annotations

import pytest

from durable_codegen.front import run_front
from durable_codegen.project.config import resolve
from tests.codegen.projects import MOVE, PLACE, WORLD, faults_of, places, write

TWO = """package demo:two;
interface one { status: func() -> u8; }
interface two { status: func() -> u8; resource cart { constructor(); add: func(n: u8); } }
world shop { export one; export two; export hello: func(); }
"""


class _Stage:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None


@pytest.fixture
def planned(tmp_path):
    """Plans a project given by its files: export → what implements it, as text."""

    def plan(files, world=WORLD, app="app.py"):
        write(tmp_path / "project", {"wit/world.wit": world, **files})
        settings = resolve({"app": app}, environment={}, folder=tmp_path / "project")
        work = tmp_path / "work"
        work.mkdir()
        front = run_front(settings, work, lambda _name: _Stage())
        return {function.function.export: function for _, function in front.plan.functions()}, front.plan

    return plan


def implementations(functions):
    return {
        export: ".".join(
            filter(None, [each.implementation.owner, each.implementation.class_name, each.implementation.name])
        )
        for export, each in functions.items()
    }


def test_functions_by_name(planned):
    """Also when they come from another module, under another name."""
    functions, _ = planned(
        {"app.py": f"from parts import go as move\n{PLACE}", "parts.py": "def go(source, target): return 1\n"}
    )

    assert implementations(functions) == {"place": "app.place", "move": "app.move"}
    assert (functions["move"].file, functions["move"].line) == ("parts.py", 1)


def test_a_class_of_the_interfaces_name(planned):
    """What it lacks may be a function."""
    functions, _ = planned({"app.py": f"class Orders:\n    def place(self, o): return ''\n{MOVE}"})

    assert implementations(functions) == {"place": "app.Orders.place", "move": "app.move"}


def test_a_class_of_any_name_that_derives_from_the_bindings(planned):
    """The base says which interface it is for."""
    app = "from wit_world import exports\nclass Desk(exports.Orders):\n"
    methods = "    def place(self, order): return ''\n    def move(self, source, target): return 0\n"
    functions, _ = planned({"app.py": app + methods})

    assert implementations(functions) == {"place": "app.Desk.place", "move": "app.Desk.move"}


def test_the_bindings_own_class_is_no_implementation(planned):
    """Even where the app imports it by the name that an implementation would have."""
    functions, _ = planned({"app.py": f"from wit_world.exports import Orders\n{PLACE}{MOVE}"})

    assert implementations(functions) == {"place": "app.place", "move": "app.move"}


def test_a_class_that_lacks_a_method_of_its_base(tmp_path):
    """No object could be made of it, so a function beside it does not help."""
    app = f"from wit_world import exports\nclass Orders(exports.Orders):\n    def place(self, order): return ''\n{MOVE}"
    faults = faults_of(tmp_path, {"app.py": app})

    assert places(faults) == [("DSL201", "wit/world.wit:6")]
    assert faults[0].hint.startswith("add to the class Orders:\ndef move(self, source: str")


def test_a_class_that_needs_arguments(tmp_path):
    """The build has none to give."""
    app = f"class Orders:\n    def __init__(self, db): pass\n    def place(self, o): return ''\n{MOVE}"
    faults = faults_of(tmp_path, {"app.py": app})

    assert places(faults) == [("DSL202", "app.py:1")]
    assert "without db" in faults[0].message


def test_exports_say_what_they_are_for(planned):
    """Interfaces in short, in full and in Python's spelling; functions of the world; classes."""
    app = """
from durable_dsl import export
@export("one#status")
def first(): return 1
@export("demo:two/two")
class Other:
    def status(self): return 2
@export("two#cart")
class Basket:
    def add(self, n): pass
@export("hello")
def greet(): pass
"""
    functions, _ = planned({"app.py": app}, TWO)

    assert implementations(functions) == {
        "hello": "app.greet",
        "status": "app.Other.status",
        "[constructor]cart": "app.Basket.__init__",
        "[method]cart.add": "app.Basket.add",
    }
    assert functions["hello"].file == "app.py"


def test_exports_of_modules_that_the_app_only_imports(planned):
    """`@export` is enough, the app need not name the function."""
    files = {
        "shop/__init__.py": "from shop import desk\n",
        "shop/desk.py": f"from durable_dsl import export\n@export\n{PLACE}"
        "@export('orders#move')\ndef go(source, target): return 0\n",
    }
    functions, _ = planned(files, app="shop")

    assert implementations(functions) == {"place": "shop.desk.place", "move": "shop.desk.go"}


@pytest.mark.parametrize("name", ["WitWorld", "Shop"])
def test_classes_for_the_world(name, planned):
    """Today's name, and the world's own as older bindings have it."""
    app = f"class {name}:\n    def hello(self): pass\nclass One:\n    def status(self): return 1\n"
    files = {"app.py": app, "two.py": "class Cart:\n    def add(self, n): pass\n"}
    two = "class Two:\n    def status(self): return 1\n"
    functions, _ = planned({**files, "app.py": app + two}, TWO)

    assert implementations(functions)["hello"] == f"app.{name}.hello"
    assert implementations(functions)["[method]cart.add"] == "two.Cart.add"


def test_resources_in_the_app_module(planned):
    """A class of the resource's name, with a line for what Python makes itself."""
    classes = "class One:\n    def status(self): return 1\nclass Two(One): pass\n"
    app = f"def hello(): pass\n{classes}class Cart:\n    def add(self, n): pass\n"
    functions, _ = planned({"app.py": app}, TWO)

    assert implementations(functions)["[constructor]cart"] == "app.Cart.__init__"
    assert (functions["[constructor]cart"].file, functions["[constructor]cart"].line) == ("app.py", 5)


def test_marks_are_compiled_down_to_the_first_other_decorator(planned):
    """Those below stay with the function."""
    app = f"""
from durable_dsl import atomic, idempotent, persist
def other(function):
    def call(order):
        return function(order)
    return call
@persist
@atomic
@other
@idempotent
{PLACE}{MOVE}"""
    functions, _ = planned({"app.py": app})

    assert [mark.word for mark in functions["place"].regions] == ["persist", "atomic"]
    assert functions["move"].regions == ()


def test_marks_of_overridden_methods_act_at_run_time(planned):
    """A subclass may define the method without them."""
    app = """
from durable_dsl import atomic
def hello(): pass
class One:
    def status(self): return 1
class Two(One): pass
class Cart:
    @atomic
    def add(self, n): pass
class Large(Cart):
    def add(self, n): pass
"""
    functions, _ = planned({"app.py": app}, TWO)

    assert functions["[method]cart.add"].implementation.at_run_time
    assert functions["[method]cart.add"].regions == ()


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        ("from durable_dsl import retry\n@retry(max_attempts=1)\n", False),
        ("from durable_dsl import retry\n@retry(\n    max_attempts=1,\n)\n", False),
        ("from durable_dsl import atomic\n@atomic\n", False),
        ("from durable_dsl import retry\ndef f():\n    with retry(max_attempts=1): pass\n", True),
        ("from durable_dsl import retry\n@retry(max_attempts=1)\ndef f(): pass\n", True),
        ("import durable_dsl as d\ndef f():\n    with d.retry(max_attempts=1): pass\n", True),
        ("from durable_dsl import *\n", True),
        ("from parts import retry\ndef f():\n    with retry(max_attempts=1): pass\n", True),
    ],
)
def test_policies_that_may_be_pending(app, expected, planned):
    """Only where `retry` is used at run time does an export have to look for them."""
    _, plan = planned({"app.py": app + PLACE + MOVE, "parts.py": "from durable_dsl import retry as retry\n"})

    assert plan.retries_at_run_time is expected
