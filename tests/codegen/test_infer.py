"""Worlds without WIT: what type hints become, and what is said of those that become nothing."""

from __future__ import annotations

import textwrap
from contextlib import nullcontext

import pytest

from durable_codegen.build import build, emit_only, inferred_wit
from durable_codegen.component import cache
from durable_codegen.faults import BuildFailed
from durable_codegen.front import run_front
from durable_codegen.plan.arguments import arguments_of
from durable_codegen.project.config import resolve
from tests.codegen.projects import MOVE, places, write
from tests.codegen.projects import faults_of as project_faults

HEAD = """from __future__ import annotations
from dataclasses import dataclass, field, InitVar
from enum import Enum, Flag, IntEnum, auto
from typing import *
from durable_dsl import atomic, export
from durable_dsl.types import *
"""


def world(folder, app, files=(), **flags):
    """The interface of an app's inferred world, without its docs."""
    text = whole(folder, app, files, **flags)
    inside = text.partition("interface api {\n")[2].partition("\n}\n")[0]
    return textwrap.dedent(inside)


def whole(folder, app, files=(), **flags):
    write(folder, {"app.py": HEAD + textwrap.dedent(app), **dict(files)})
    return inferred_wit(resolve({"app": "app.py", **flags}, environment={}, folder=folder))[0]


def faults(folder, app, files=()):
    """Code, line (within `app`) and message of each fault."""
    with pytest.raises(BuildFailed) as failed:
        whole(folder, app, files)
    before = HEAD.count("\n")
    return [(each.code, each.line and each.line - before, each.message) for each in failed.value.faults]


def function(folder, parameters, result="None"):
    """The WIT of one function."""
    text = world(folder, f"@export\ndef f({parameters}) -> {result}: ...\n")
    return text.splitlines()[-1]


def test_plain_types_and_widths(tmp_path):
    """int is s64; names of durable_dsl.types, and Annotated with one of them or its text, say otherwise."""
    types = "a: int, b: float, c: bool, d: str, e: bytes, f: u8, g: s16, h: f32, i: char, j: u64"
    more = ', k: Annotated[int, "u16"], l: Annotated[int, u32], m: Annotated[str, "a note"]'

    assert function(tmp_path, types + more, "s64") == (
        "f: func(a: s64, b: f64, c: bool, d: string, e: list<u8>, f: u8, g: s16, h: f32, i: char, j: u64, "
        "k: u16, l: u32, m: string) -> s64;"
    )


def test_containers(tmp_path):
    """Lists, tuples of both kinds, dicts with text as keys, and what may be None."""
    types = "a: list[int], b: tuple[int, str], c: tuple[int, ...], d: dict[str, list[bool]], e: int | None"
    more = ", f: Optional[list[str | None]], g: Sequence[int], h: Mapping[str, int], i: List[Dict[str, bytes]]"

    assert function(tmp_path, types + more, "list[tuple[int, float]]") == (
        "f: func(a: list<s64>, b: tuple<s64, string>, c: list<s64>, d: list<tuple<string, list<bool>>>, "
        "e: option<s64>, f: option<list<option<string>>>, g: list<s64>, h: list<tuple<string, s64>>, "
        "i: list<list<tuple<string, list<u8>>>>) -> list<tuple<s64, f64>>;"
    )


def test_classes_of_the_app(tmp_path):
    """Dataclasses are records, Enums enums, Flags flags; docstrings are docs; a default changes nothing."""
    app = '''
    class Speed(Enum):
        """How fast."""
        SLOW = 1
        VeryFast = 2

    class Extras(Flag):
        GIFT = auto()
        RUSH = auto()
        BOTH = GIFT | RUSH

    @dataclass(frozen=True, slots=True, kw_only=True)
    class OrderLine:
        """A line.

        Of an order.
        """
        sku_id: str = ""
        from_: u32
        speed: Speed = Speed.SLOW
        extras: Extras

    @export
    def place_order(line: OrderLine, *, list: int) -> OrderLine:
        """Take an order."""
        return line
    '''

    assert world(tmp_path, app) == textwrap.dedent(
        """\
        /// How fast.
        enum speed {
            slow,
            very-fast,
        }

        flags extras {
            gift,
            rush,
        }

        /// A line.
        ///
        /// Of an order.
        record order-line {
            sku-id: string,
            %from: u32,
            speed: speed,
            extras: extras,
        }

        /// Take an order.
        place-order: func(line: order-line, %list: s64) -> order-line;"""
    )


def test_unions_are_variants(tmp_path):
    """Named as the app names the union; a class without fields is a case without payload."""
    app = """
    @dataclass
    class Card:
        number: str
    @dataclass
    class Cash: ...
    Payment = Union[Card, Cash]
    @dataclass
    class Voucher:
        code: str

    @export
    def pay(by: Payment, then: Card | Cash | None, other: Card | Voucher) -> None: ...
    """

    assert world(tmp_path, app).split("\n\n")[1:] == [
        "variant payment {\n    card(card),\n    cash,\n}",
        "record voucher {\n    code: string,\n}",
        "variant card-or-voucher {\n    card(card),\n    voucher(voucher),\n}",
        "pay: func(by: payment, then: option<payment>, other: card-or-voucher);",
    ]


def test_generic_dataclasses(tmp_path):
    """Each use with other types is a record of its own; bases that are generic too are followed."""
    app = """
    T = TypeVar("T")
    @dataclass
    class Page(Generic[T]):
        items: list[T]
        best: T | None
    @dataclass
    class Numbers(Page[int]):
        count: int

    @export
    def f(a: Page[str], b: Page[list[int]], c: Numbers) -> Page[str]: ...
    """

    assert world(tmp_path, app).split("\n\n") == [
        "record page-of-string {\n    items: list<string>,\n    best: option<string>,\n}",
        "record page-of-s64-list {\n    items: list<list<s64>>,\n    best: option<list<s64>>,\n}",
        "record numbers {\n    items: list<s64>,\n    best: option<s64>,\n    count: s64,\n}",
        "f: func(a: page-of-string, b: page-of-s64-list, c: numbers) -> page-of-string;",
    ]


def test_exceptions_are_the_err_side(tmp_path):
    """One is the payload itself, several a variant; one that is no dataclass goes out as its text."""
    app = """
    @dataclass
    class Declined(Exception):
        reason: str
    @dataclass
    class Empty(Exception): ...

    @export(raises=Declined)
    def a() -> int: ...
    @export(raises=Empty)
    def b() -> None: ...
    @export(raises=ValueError)
    def c() -> None: ...
    @export(raises=(Declined, Empty, KeyError))
    async def d() -> str: ...
    """

    assert world(tmp_path, app).split("\n\n")[1:] == [
        "variant declined-or-empty-or-key-error {\n    declined(declined),\n    empty,\n    key-error(string),\n}",
        "a: func() -> result<s64, declined>;",
        "b: func() -> result;",
        "c: func() -> result<_, string>;",
        "d: func() -> result<string, declined-or-empty-or-key-error>;",
    ]


def test_classes_are_resources(tmp_path):
    """With constructor, methods, class and static methods, inherited ones too; what begins with _ stays inside."""
    app = '''
    class Base:
        def size(self) -> int: ...

    @export
    class Cart(Base):
        """Things to buy."""
        def __init__(self, owner: str) -> None: ...
        @export(raises=ValueError)
        def add(self, sku: str) -> None: ...
        @classmethod
        def open(cls, owner: str) -> Self: ...
        @staticmethod
        def merge(carts: list[Cart]) -> Cart | None: ...
        def _check(self, anything): ...
        @property
        def total(self): ...

    @export
    def pay(cart: Cart) -> None: ...
    '''

    assert world(tmp_path, app) == textwrap.dedent(
        """\
        /// Things to buy.
        resource cart {
            constructor(owner: string);

            size: func() -> s64;

            add: func(sku: string) -> result<_, string>;

            open: static func(owner: string) -> cart;

            merge: static func(carts: list<borrow<cart>>) -> option<cart>;
        }

        pay: func(cart: borrow<cart>);"""
    )


def test_what_callers_may_leave_out_or_write_otherwise(tmp_path):
    """The defaults of the last parameters, and the other names of members; for the engine."""
    app = """
    class Colour(Enum):
        RED = 1
        DARK_RED = 1
        BLUE = 2

    @dataclass
    class Size:
        width: int
        height: int = 1
        of: list[str] = field(default_factory=list)
        never: str = field(default_factory=lambda: "again")
        wrong: int = "text"

    @export
    def paint(what: str, colour: Colour = Colour.DARK_RED, *, times: int = 3, by: str | None = None) -> None: ...

    @export
    def some(first: int = 1, second: Size = Size(1, wrong=2), third: float = 2.5, fourth: float = 1) -> None: ...

    @export
    class Desk:
        def __init__(self, name: str = "desk") -> None: ...
        def all(self, count: int) -> None: ...
    """
    write(tmp_path, {"app.py": HEAD + textwrap.dedent(app)})
    settings = resolve({"app": "app.py"}, environment={}, folder=tmp_path)
    (tmp_path / "work").mkdir()
    plan = run_front(settings, tmp_path / "work", lambda _name: nullcontext()).plan

    size = {"width": 1, "height": 1, "of": [], "never": "again", "wrong": 2}
    assert {
        "defaults": {
            "app:app/api#paint": {"colour": "RED", "times": 3, "by": None},
            "app:app/api#some": {"first": 1, "second": size, "third": 2.5, "fourth": 1},
            "app:app/api#[constructor]desk": {"name": "desk"},
        },
        "aliases": {"colour": {"dark-red": "red"}},
        "fields": {"size": {"height": 1, "of": []}},
    } == arguments_of(plan)


def test_a_base_may_say_what_an_inherited_method_raises(tmp_path):
    """The class that inherits it is exported, so its mark counts."""
    app = """
    class Base:
        @export(raises=KeyError)
        def find(self) -> str: ...

    @export
    class Desk(Base): ...
    """

    assert "find: func() -> result<string, string>;" in world(tmp_path, app)


def test_names_step_aside(tmp_path):
    """Types for functions and for the bindings; classes of one name get their module in front."""
    app = """
    import models
    @dataclass
    class Receipt:
        id: str
    @dataclass
    class Result:
        id: str
    @dataclass
    class Line:
        id: str
    @export
    def receipt(a: Receipt, b: Result, c: Line, d: models.Line) -> None: ...
    @export("other-name")
    def getItem() -> None: ...
    """
    models = "from dataclasses import dataclass\n@dataclass\nclass Line:\n    x: int\n"

    assert world(tmp_path, app, {"models.py": models}).splitlines()[-3:] == [
        "receipt: func(a: receipt-type, b: result-type, c: app-line, d: models-line);",
        "",
        "other-name: func();",
    ]


def test_package_world_and_docs(tmp_path):
    """Named after the setting, else the module; the module's docstring is the interface's docs."""
    text = whole(
        tmp_path,
        "@export\ndef f() -> None: ...",
        {"app.py": '"""A desk."""\n' + HEAD + "@export\ndef f() -> None: ...\n"},
    )

    assert text.splitlines()[0].startswith("// Inferred by durable-dsl from the type hints of app.py.")
    assert text.splitlines()[2:6] == ["package app:app;", "", "/// A desk.", "interface api {"]
    assert "package app:my-api;" in whole(tmp_path, "@export\ndef f() -> None: ...", name="my_api")
    assert "world api-world {" in whole(tmp_path, "@export\ndef f() -> None: ...", name="api")


def test_exports_in_other_modules_and_under_decorators(tmp_path):
    """Every loaded module of the app counts; foreign decorators that keep the signature are looked through."""
    app = """
    import parts
    from functools import wraps
    def traced(function):
        @wraps(function)
        def call(*args, **kwargs): return function(*args, **kwargs)
        return call
    @export
    @traced
    def f(a: "int") -> "list[str]": ...
    """
    parts = "from durable_dsl import export\n@export\ndef g(b: int) -> None: ...\n"

    assert world(tmp_path, app, {"parts.py": parts}).split("\n\n") == [
        "f: func(a: s64) -> list<string>;",
        "g: func(b: s64);",
    ]


@pytest.mark.parametrize(
    ("hint", "instead"),
    [
        ("datetime.datetime", "float seconds"),
        ("decimal.Decimal", "cents"),
        ("uuid.UUID", "str"),
        ("pathlib.Path", "str"),
        ("set[int]", "list[T]"),
        ("Any", "dataclass"),
        ("list", "list[T]"),
        ('Literal["a"]', "Enum"),
        ("Callable[[int], int]", "Enum"),
        ("dict[int, str]", "list[tuple[int, str]]"),
        ("int | str", "dataclass"),
        ("Iterator[int]", "list[T]"),
        ("Plain", "make Plain a dataclass"),
        ("Named", "make Named a dataclass"),
        ("T", "write the type"),
        ("tuple[()]", "no empty tuple"),
    ],
)
def test_a_type_that_cannot_cross(hint, instead, tmp_path):
    """Refused with the parameter's name and what to use instead."""
    app = f"""
    import datetime, decimal, uuid, pathlib
    class Plain: ...
    class Named(NamedTuple):
        x: int
    T = TypeVar("T")
    @export
    def place(
        good: int,
        bad: {hint},
    ) -> None: ...
    """
    with pytest.raises(BuildFailed) as failed:
        whole(tmp_path, app)
    (fault,) = failed.value.faults

    assert (fault.code, fault.file, fault.line) == ("DSL601", "app.py", HEAD.count("\n") + 10)
    assert fault.message.startswith("the parameter bad of place is ")
    assert instead in fault.hint


def test_all_faults_come_in_one_run(tmp_path):
    """Each at its line, with the function and the parameter, or the field and where it is used."""
    app = """
    import datetime
    @dataclass
    class Tree:
        children: list[Tree]
    @dataclass
    class When:
        at: datetime.date
    @dataclass
    class Hidden:
        a: int = field(init=False, default=1)
    @export
    def one(tree: Tree, when: When, hidden: Hidden, unsaid) -> None: ...
    @export
    def two(*rest: int, grün: int) -> Unknown: ...
    @export
    def three(): ...
    """

    assert faults(tmp_path, app) == [
        (
            "DSL604",
            5,
            (
                "Tree contains itself: Tree.children (the parameter tree of one) leads back to it; "
                "WIT has no recursive types"
            ),
        ),
        (
            "DSL601",
            8,
            "When.at (the parameter when of one) is datetime.date, which cannot cross the border of a component",
        ),
        (
            "DSL607",
            11,
            "Hidden has field(init=False) for a: it cannot be made of its fields, as the build's conversion does",
        ),
        ("DSL602", 13, "the parameter unsaid of one has no type hint, and without WIT the hints are the world"),
        ("DSL603", 15, "the result of two is Unknown, and there is no Unknown"),
        ("DSL606", 15, "the parameter grün of two has no name in WIT"),
        ("DSL608", 15, "two takes *rest, and an export has a fixed number of parameters"),
        ("DSL602", 17, "the result of three has no type hint, and without WIT the hints are the world"),
    ]


def test_names_that_only_type_checkers_know(tmp_path):
    """Said so, with the line of the import."""
    app = """
    if TYPE_CHECKING:
        from elsewhere import Thing
    @export
    def f(a: list[Thing]) -> None: ...
    """
    line = HEAD.count("\n") + 3

    assert faults(tmp_path, app) == [
        (
            "DSL603",
            5,
            f"the parameter a of f is list[Thing], and Thing is imported for type checkers only (line {line})",
        )
    ]


def test_classes_that_will_not_do(tmp_path):
    """Dataclasses that nothing can be made of, classes that nobody can import, resources and errors of other kinds."""
    app = """
    import functools
    @dataclass
    class Own:
        a: int
        def __init__(self, other: int) -> None: ...
    def local():
        @dataclass
        class Inner:
            a: int
        return Inner
    Inner = local()
    @dataclass
    class Box:
        cart: Cart
    @export
    def f(a: Own, b: Inner, c: Box) -> None: ...
    @export(raises=Exception)
    def g() -> None: ...
    @export(raises=KeyboardInterrupt)
    def h() -> None: ...
    class Hidden:
        @export
        def method(self) -> None: ...
    @export(raises=ValueError)
    class Cart: ...
    @export("x#y")
    def i() -> None: ...
    @export("j")
    def k() -> None: ...
    def traced(function):
        @functools.wraps(function)
        def call(*args): return function(*args)
        return call
    @atomic
    @traced
    @export
    def below() -> None: ...
    @export
    def j() -> None: ...
    """

    assert {(code, message.partition(":")[0]) for code, _, message in faults(tmp_path, app)} == {
        ("DSL607", "Own has an __init__ of its own"),
        ("DSL607", "local.<locals>.Inner (the parameter b of f) cannot be imported by its name"),
        ("DSL601", "Box.cart (the parameter c of f) holds Cart, a resource, which is no part of a record"),
        ("DSL610", "g raises Exception"),
        ("DSL610", "h raises KeyboardInterrupt, which is no Exception"),
        ("DSL609", "@export on Hidden.method, a method of a class that is not exported"),
        ("DSL610", "raises= on the class Cart"),
        ("DSL606", "i cannot be called x#y in WIT"),
        ("DSL606", "j and k (app.py"),
        ("DSL615", "@export on below stands below a decorator of others, where the build does not see it"),
    }


def test_what_would_break_the_bindings_or_never_end(tmp_path):
    """Too many flags, a parameter called like the receiver, a generic class that holds itself with other arguments."""
    flags = "\n    ".join(f"F{number} = auto()" for number in range(33))
    app = f"""
    T = TypeVar("T")
    @dataclass
    class Node(Generic[T]):
        below: list[Node[list[T]]]
    class Many(Flag):
        {flags}
    @export
    def f(self: int, node: Node[int], many: Many) -> None: ...
    """

    assert [
        (code, message.partition(":")[0])
        for code, _, message in faults(tmp_path, app.replace("\n    F", "\n        F"))
    ] == [
        ("DSL604", "Node contains itself"),
        ("DSL601", "Many has 33 flags, and a component's flags are at most 32"),
        ("DSL606", "the parameter self of f cannot be called self"),
    ]


def test_raises_where_the_world_is_wit(tmp_path):
    """It would be an outcome in plain Python and a failure in the component."""
    app = "from durable_dsl import export\n@export(raises=KeyError)\ndef place(order): return ''\n"
    found = project_faults(tmp_path, {"app.py": app + MOVE})

    assert places(found) == [("DSL610", "app.py:2")]


def test_several_apps_in_one_folder(tmp_path):
    """Each has its own committed world, called like the app."""
    write(tmp_path, {"app.wit": whole(tmp_path, COMMITTED), "world.wit": "// another\n"})
    settings = resolve({"app": "app.py"}, environment={}, folder=tmp_path)

    assert settings.committed == tmp_path / "app.wit"


def test_neither_wit_nor_exports(tmp_path):
    """Nothing to build; and an app that imports bindings is missing its WIT."""
    assert [(code, message) for code, _, message in faults(tmp_path, "def f(): ...\n")] == [
        ("DSL605", "there is no WIT, and nothing bears @export")
    ]
    found = faults(tmp_path, "from wit_world.exports.orders import Order\n@export\ndef f() -> None: ...\n")
    assert [code for code, _, _ in found] == ["DSL102"]


def committed(folder, app, before):
    """What a build says of `app` where the world of the app `before` is committed."""
    write(folder, {"world.wit": whole(folder, before)})
    write(folder, {"app.py": HEAD + textwrap.dedent(app)})
    try:
        found = emit_only(resolve({"app": "app.py"}, environment={}, folder=folder), folder / "emitted")
    except BuildFailed as failed:
        found = failed.faults
    return [(each.code, each.message.removeprefix("the committed world: ")) for each in found]


COMMITTED = """
@dataclass
class Line:
    sku: str
    price: int
class Speed(Enum):
    SLOW = 1
    FAST = 2
@export
def place(line: Line, speed: Speed) -> int: ...
@export
def cancel(id: str) -> None: ...
"""


def test_incompatible_changes_of_a_committed_world(tmp_path):
    """Each named; the build stops."""
    app = COMMITTED.replace("price: int", "price: u32\n    tax: int").replace("    FAST = 2\n", "")
    app = app.replace("-> int", "-> str").replace("def cancel(id: str)", "def revoke(id: str)")

    assert sorted(committed(tmp_path, app, COMMITTED)) == [
        ("DSL611", "place gave s64 and gives string"),
        ("DSL611", "the export cancel is gone"),
        ("DSL611", "the field price of line was s64 and is u32"),
        ("DSL611", "the field tax: s64 of line is new"),
        ("DSL611", "the member fast of speed is gone"),
        ("DSL612", "the export revoke is new"),
    ]


def test_compatible_changes_of_a_committed_world(tmp_path):
    """A new export is a note; docs and order are nothing."""
    app = COMMITTED.replace("@export\ndef cancel(id: str) -> None: ...\n", "") + (
        '@export\ndef more() -> None: ...\n@export\ndef cancel(id: str) -> None:\n    """Docs."""\n'
    )

    assert committed(tmp_path, app, COMMITTED) == [("DSL612", "the export more is new")]
    assert committed(tmp_path, COMMITTED, COMMITTED) == []


def test_a_world_wit_of_another_origin(tmp_path):
    """It is not overwritten, nor built for by accident."""
    write(tmp_path, {"world.wit": "package a:b;\n"})
    write(tmp_path, {"app.py": HEAD + COMMITTED})
    with pytest.raises(BuildFailed) as failed:
        emit_only(resolve({"app": "app.py"}, environment={}, folder=tmp_path), tmp_path / "emitted")

    assert [(each.code, each.place) for each in failed.value.faults] == [("DSL613", "world.wit:1")]


def test_a_generated_wit_folder_is_the_committed_world(tmp_path):
    """As Golem's manifests want it: the app stays code-first, and the folder is compared."""
    write(tmp_path, {"wit/app.wit": whole(tmp_path, COMMITTED)})
    settings = resolve({"app": "app.py"}, environment={}, folder=tmp_path)

    assert (settings.code_first, settings.committed) == (True, tmp_path / "wit" / "app.wit")


def test_cached_until_something_changes(tmp_path, monkeypatch):
    """A module with a class, the committed world, its coming and going: all are noticed."""
    monkeypatch.setattr(cache, "_own_source", lambda: "this tool does not change under the test")
    models = "from dataclasses import dataclass\n@dataclass\nclass Line:\n    x: int\n"
    app = "from models import Line\n@export\ndef f(line: Line) -> None: ...\n"
    write(tmp_path, {"app.py": HEAD + app, "models.py": models})

    def rebuilt():
        try:
            return "unchanged" if build(resolve({"app": "app.py"}, environment={}, folder=tmp_path)).cached else "built"
        except BuildFailed as failed:
            return failed.faults[0].message

    assert [rebuilt(), rebuilt()] == ["built", "unchanged"]
    text = inferred_wit(resolve({"app": "app.py"}, environment={}, folder=tmp_path))[0]
    write(tmp_path, {"world.wit": text.replace("x: s64", "x: u8")})
    assert rebuilt() == "the committed world: the field x of line was u8 and is s64"
    (tmp_path / "world.wit").unlink()
    assert rebuilt() == "unchanged"
    write(tmp_path, {"models.py": models.replace("int", "object")})
    assert rebuilt().startswith("Line.x (the parameter line of f) is object")
