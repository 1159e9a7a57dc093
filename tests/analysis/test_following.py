"""What is called without a plain name: tables, partials, lambdas, syntax, decorators, context managers of the app."""

from __future__ import annotations

import pytest

from durable_codegen.analysis.explain.crashes import explain
from durable_codegen.analysis.reading.exports import find_exports
from durable_codegen.analysis.reading.reach import Analysis
from durable_codegen.analysis.reading.sources import find_sources
from tests.analysis.checked import assert_finds, report_of, write

HEAD = """
import functools, random, time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
import helpers
from durable_dsl import atomic, create_promise, export, http, retry, transaction

def a(*given): http.post("a")
def b(*given): http.post("b")
def c(*given): http.post("c")

class Step:
    def run(self): ...

class A(Step):
    def run(self): http.post("a")

class B(Step):
    def run(self): http.post("b")

@dataclass
class Desk:
    name: str = ""

    @property
    def total(self): return http.get("total")

    @total.setter
    def total(self, value): http.put("total")

    def __enter__(self):
        http.post("enter")
        return self

    def __exit__(self, *error): http.post("exit")
    def __call__(self): http.post("call")
    def __iter__(self): return self
    def __next__(self): return http.get("next")
    def __getitem__(self, key): return http.get("item")
    def __setitem__(self, key, value): http.put("item")
    def __contains__(self, key): return http.get("contains")
    def __len__(self): return http.get("len")
    def __add__(self, other): return http.get("add")
    def __str__(self): return http.get("str")

desk = Desk()
TABLE = {"a": a, "b": b}
LAMBDAS = {"a": lambda x: http.post("a"), "b": lambda x: http.post("b")}
STEPS = [a, b]
PAIRS = [("first", a), ("second", b)]
OBJECTS = (A(), B())
quick = lambda x: http.post("a")
get = partial(http.get, "a", timeout=3)

class Router:
    def __init__(self):
        self.routes = {"a": a, "b": b}
        self.send = partial(http.post, "a")

    def go(self, key): self.routes[key]()
    def out(self): self.send(json=1)
"""

#: What stands in the function → the addresses that are asked, in their order.
CALLS = {
    # tables of functions
    'TABLE["a"]()': "a",
    "TABLE[kind]()": "a b",
    "TABLE.get(kind, c)()": "a b c",
    "handler = TABLE[kind]\n    handler()": "a b",
    "for step in STEPS:\n        step()": "a b",
    "for step in STEPS:\n        step()\n    for step in [c]:\n        step()": "a b c",
    "for name, step in PAIRS:\n        step()": "a b",
    "for name, step in TABLE.items():\n        step()": "a b",
    "for number, step in enumerate(STEPS):\n        step()": "a b",
    "[step() for step in STEPS]": "a b",
    "STEPS[-1]()": "b",
    "(STEPS + [c])[kind]()": "a b c",
    "LAMBDAS[kind](1)": "a b",
    "for each in OBJECTS:\n        each.run()": "a b",
    "Router().go(kind)": "a b",
    "helpers.TABLE[kind]()": "help",
    "TABLE['none' + kind]()": "a b",
    # branches
    "(a if kind else b)()": "a b",
    "if kind:\n        chosen = a\n    else:\n        chosen = b\n    chosen()": "a b",
    "(kind or a)()": "a",
    # names as text
    'getattr(helpers, "ask")()': "help",
    'getattr(Router(), "out")()': "a",
    # lambdas and partials
    "quick(1)": "a",
    "later = lambda: http.post('a')\n    print(1)": "",
    "later = lambda: http.post('a')\n    later()": "a",
    "get()": "a",
    "call = partial(a, 1)\n    call()": "a",
    "call = partial(a, 1)": "",
    "Router().out()": "a",
    "run(partial(a, 1))": "a",
    "run(quick)": "a",
    "list(map(quick, [1]))": "a",
    "list(map(http.get, ['x']))": "GET",
    "list(map(partial(http.get, 'a'), [1]))": "a",
    "callable(a)": "",
    # syntax
    "desk.total": "total",
    "desk.total = 1": "total",
    "desk.name = 1": "",
    "with desk:\n        http.get('body')": "enter body exit",
    "desk()": "call",
    "for each in desk:\n        http.get('body')": "next body",
    "[each for each in desk]": "next",
    "list(desk)": "next",
    "desk[1]": "item",
    "desk[1] = 2": "item",
    "1 in desk": "contains",
    "len(desk)": "len",
    "desk + 1": "add",
    "f'{desk}'": "str",
}


@pytest.mark.parametrize("call", CALLS)
def test_calls_are_followed(tmp_path, call):
    """Each effect once, where it happens."""
    source = f"{HEAD}\n@export\ndef go(kind):\n    {call}\n"
    helpers = 'from durable_dsl import http\ndef ask(): http.get("help")\nTABLE = {"x": ask}\n'
    write(tmp_path, {"app.py": source, "helpers.py": helpers})
    sources = find_sources(["app.py"], {}, folder=tmp_path)
    analysis = Analysis(sources.modules)
    [export] = explain(analysis, find_exports(analysis, sources.app, None))

    assert CALLS[call].split() == [
        step["what"].rpartition(" ")[2] for step in export["steps"] if step["kind"] == "http"
    ]


FOUND = {
    "a long sleep in a partial": """
        import time
        from functools import partial
        from durable_dsl import atomic

        wait = partial(time.sleep, 60)

        @atomic
        def pay():
            wait()  # finds DSL507
    """,
    "a long sleep in a table": """
        import time
        from durable_dsl import atomic

        def slow():
            time.sleep(60)  # finds DSL507

        HANDLERS = {"slow": slow, "fast": print}

        @atomic
        def pay(kind):
            HANDLERS[kind]()
    """,
    "a long sleep under a decorator that opens the region": """
        import functools, time
        from durable_dsl import atomic, retry

        def reliable(attempts):
            def decorate(function):
                @functools.wraps(function)
                def wrapper(*given):
                    with retry(max_attempts=attempts, min_delay="1s"), atomic:
                        return function(*given)
                return wrapper
            return decorate

        @reliable(5)
        def pay():
            time.sleep(60)  # finds DSL507
    """,
    "a long sleep in the block of a context manager with marks": """
        import time
        from contextlib import contextmanager
        from durable_dsl import atomic, retry

        @contextmanager
        def reliably():
            with retry(max_attempts=3, min_delay="1s"):
                with atomic:
                    yield

        def pay():
            with reliably():
                time.sleep(60)  # finds DSL507
            time.sleep(60)
    """,
    "an except in a decorator that swallows": """
        from durable_dsl import atomic, http

        def safe(function):
            def wrapper(*given):
                try:
                    return function(*given)
                except Exception:  # finds DSL501
                    return None
            return wrapper

        @safe
        def label():
            http.post("https://ship.example/labels")

        @atomic
        def ship():
            label()
    """,
    "suppress by another name": """
        from contextlib import suppress
        from durable_dsl import atomic, http

        quiet = suppress(Exception)

        @atomic
        def ship():
            with quiet:  # finds DSL501
                http.post("https://ship.example/labels")
    """,
    "a context manager that swallows": """
        from contextlib import contextmanager
        from durable_dsl import atomic, http

        @contextmanager
        def quietly():
            try:
                yield
            except Exception as error:
                print(error)

        @atomic
        def ship():
            with quietly():  # finds DSL501
                http.post("https://ship.example/labels")
    """,
    "suppress around a region": """
        from contextlib import suppress
        from durable_dsl import atomic, http

        def ship():
            with suppress(Exception):  # finds DSL520
                with atomic:
                    http.post("https://ship.example/labels")

        def ship_both():
            with suppress(Exception), atomic:  # finds DSL520
                http.post("https://ship.example/labels")

        def ship_marked():
            with suppress(BaseException):  # finds DSL520
                label()

        @atomic
        def label():
            http.post("https://ship.example/labels")
    """,
}

NOT_FOUND = {
    "default factories": """
        import time, uuid
        from dataclasses import dataclass, field
        from functools import partial

        def now():
            return time.time()

        @dataclass
        class Order:
            id: uuid.UUID = field(default_factory=uuid.uuid4)
            at: float = field(default_factory=now)
            late: float = field(default_factory=partial(now))
            early: float = field(default_factory=lambda: time.time())
    """,
    "a retry in a context manager whose block has the region": """
        from contextlib import contextmanager
        from durable_dsl import atomic, http, retry

        @contextmanager
        def patiently():
            with retry(max_attempts=3, min_delay="1s"):
                yield

        def ship():
            with patiently(), atomic:
                http.post("https://ship.example/labels")
    """,
    "a context manager that raises again": """
        from contextlib import contextmanager
        from durable_dsl import atomic, http

        @contextmanager
        def saying():
            try:
                yield
            except Exception as error:
                print(error)
                raise

        @atomic
        def ship():
            with saying():
                http.post("https://ship.example/labels")
    """,
    "narrow suppression around a region": """
        from contextlib import suppress
        from durable_dsl import atomic, http

        shelf = {}

        def ship():
            with suppress(KeyError):
                with atomic:
                    http.post("https://ship.example/labels", json=shelf["tea"])
    """,
}


@pytest.mark.parametrize("name", FOUND)
def test_what_is_followed_is_checked(tmp_path, name):
    """DSL501, DSL507 and DSL520 behind indirections."""
    assert_finds(tmp_path, FOUND[name])


@pytest.mark.parametrize("name", NOT_FOUND)
def test_near_misses(tmp_path, name):
    """Kept for later, or done by the caller's block."""
    assert_finds(tmp_path, NOT_FOUND[name])
    assert not [each for each in report_of(tmp_path, "app.py").findings if each.code == "DSL520"]


@pytest.mark.parametrize("call", ["promise.complete", "create_promise(bool).complete"])
def test_a_promise_is_called_what_the_source_calls_it(tmp_path, call):
    """DSL512."""
    source = """
        from durable_dsl import create_promise, http, transaction

        @transaction
        def ask():
            promise = create_promise(bool)
            CALL(True)  # finds DSL512
            http.get("https://ask.example")
    """
    report = assert_finds(tmp_path, source.replace("CALL", call))

    [message] = [each.message for each in report.findings if each.code == "DSL512"]
    assert message.startswith(f"{call} in `@transaction`")


def test_imports_of_what_is_not_there_are_no_trouble(tmp_path):
    """Native modules, and functions with the name of a module that is not at hand; a mark put on under its own name."""
    names = [f"part{number}" for number in range(12)]
    init = "from . import _native\n" + "".join(f"from .{each} import {each}\n" for each in names)
    calls = "\n    ".join(f"shop.{each}.{each}.{each}.{each}()" for each in names)
    source = f"""
import shop
from durable_dsl import atomic, export, http
from shop import _native

def pay(): http.post("https://pay.example")

pay = atomic(pay)

@export
def go():
    _native.a.b.c.d()
    {calls}
    pay()
"""
    write(tmp_path, {"app.py": source, "shop/__init__.py": init})
    sources = find_sources(["app.py"], {}, folder=tmp_path)
    analysis = Analysis(sources.modules)
    [export] = explain(analysis, find_exports(analysis, sources.app, None))

    assert [["atomic"]] == [step["inside"] for step in export["steps"]]


def test_functions_that_decorate_each_other_are_no_trouble(tmp_path):
    """A decorator whose wrapper it decorates itself, names that are assigned from themselves, a base in a class."""
    source = """
        from durable_dsl import export, http

        def first(function):
            @second
            def wrapper(*given):
                return function(*given)
            return wrapper

        def second(function):
            @first
            def wrapper(*given):
                return function(*given)
            return wrapper

        class Outer:
            class Inner:
                def run(self): ...

            def __call__(self): ...

        class Derived(Outer.Inner): ...

        @export
        @first
        def go(node):
            while node:
                node = node.next or node.previous or node
                node()
            return Outer()()
    """
    write(tmp_path, {"app.py": source})

    assert [] == [each.code for each in report_of(tmp_path, "app.py").findings]
