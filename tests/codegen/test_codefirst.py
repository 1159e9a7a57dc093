"""An app without WIT as a component: types there and back, outcomes as exceptions, failures that name the value."""

from __future__ import annotations

import pytest

from durable_dsl.engine import Engine, InvocationError
from tests.components import built_once
from tests.golden.test_wrappers import APPS

LINE = {"sku": "tea", "quantity": 2}
ORDER = {
    "id": "o-1",
    "lines": [LINE],
    "speed": "very-fast",
    "extras": ["gift", "rush"],
    "note": "für dich",
    "prices": [["tea", 1.5]],
    "from": ["x", True],
}
NUMBERS = {
    "a": 255,
    "b": 65_535,
    "c": (1 << 32) - 1,
    "d": (1 << 64) - 1,
    "e": -128,
    "f": -(1 << 15),
    "g": -(1 << 31),
    "h": -(1 << 63),
    "i": 0.5,
    "j": -1e300,
    "k": "𝛼",
    "l": b"\x00\xff",
}


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    """Makes workers of the app by their name; what they print goes nowhere."""
    component = built_once(APPS / "inferred", tmp_path_factory)
    with Engine.open(tmp_path_factory.mktemp("data"), output=lambda *_: None) as engine:
        yield lambda name: engine.worker(name, engine.load(component))


@pytest.fixture
def worker(workers):
    """One that all tests of outcomes share."""
    return workers("shared")


def test_records_enums_flags_and_dicts(worker):
    """An order as it was given, in a page; the bare name of the function is enough."""
    assert worker.invoke("place", ORDER, "cash") == {"ok": {"items": [ORDER], "next": None}}


def test_every_width(worker):
    """The ends of each, one character, bytes."""
    assert worker.invoke("numbers", NUMBERS) == NUMBERS


def test_lists_tuples_and_options(worker):
    """Through an `async def`."""
    lines = [["a", [LINE, {"sku": "b", "quantity": 0}]], ["b", []]]
    turned = [["a", [{"sku": "b", "quantity": 0}, LINE]], ["b", []]]
    speeds = ["slow", None]

    assert worker.invoke("shuffle", lines, [LINE, 3], [LINE], speeds) == [turned, [LINE, 3], [LINE], speeds]
    assert worker.invoke("shuffle", {}, None, [], []) == [[], None, [], []]
    assert worker.invoke("count", {"a": [LINE]}) == [["a", [1, LINE]]]
    assert worker.invoke("count", lines) == [["a", [2, LINE]], ["b", [0, None]]]


def test_what_callers_may_leave_out_or_say_otherwise(worker):
    """Arguments and fields that have defaults; a member of an enum by its alias, in Python's spelling too."""
    order = {"id": "o", "lines": [{"sku": "tea", "quantity": 1}], "speed": "slow", "extras": [], "note": None}
    placed = worker.invoke("place", {"id": "o", "lines": [{"sku": "tea"}]}, "cash")

    assert placed == {"ok": {"items": [{**order, "prices": [], "from": ["", False]}], "next": None}}
    assert worker.invoke("refuse") == {"ok": None}
    assert worker.invoke("shuffle", {}, None, [], ["express", "EXPRESS"])[3] == ["very-fast", "very-fast"]


def test_unions(worker):
    """The class says which case it is."""
    assert worker.invoke("paid-by", ["cash", {"card": {"number": "1"}}]) == {"card": {"number": "1"}}
    assert worker.invoke("paid-by", [{"card": {"number": "1"}}, "cash"]) == "cash"
    assert worker.invoke("paid-by", []) is None


def test_exceptions_that_are_outcomes(worker):
    """One class, several, one without fields, one that is no dataclass; the worker lives on."""
    declined = {"card": "0", "reason": "no money"}

    assert worker.invoke("place", ORDER, {"card": {"number": "0"}}) == {"err": declined}
    assert worker.invoke("refuse", "no") == {"ok": None}
    assert worker.invoke("refuse", "empty") == {"err": "empty"}
    assert worker.invoke("refuse", "declined") == {"err": {"card-declined": {"card": "c-1", "reason": "stolen"}}}
    assert worker.invoke("refuse", "closed") == {"err": {"closed": "until tomorrow"}}
    assert worker.status == "idle"


@pytest.mark.guarantee("OUTCOME-1")
def test_an_outcome_ends_the_atomic_region(worker):
    """As an `Err` does where the world is WIT."""
    before = len(list(worker.oplog()))
    worker.invoke("place", ORDER, {"card": {"number": "0"}})
    kinds = [each.kind for each in list(worker.oplog())[before:]]

    assert [each for each in kinds if "atomic" in each] == ["begin-atomic-region", "end-atomic-region"]


def test_resources(worker):
    """Made, used, handed over and back; a keyword is a parameter like any other."""
    ann = worker.invoke("[constructor]cart", "ann", 3)
    bob, _ = worker.invoke("[static]cart.of", ["bob", "eve"])

    assert worker.invoke("[method]cart.add", ann, LINE) == {"ok": 1}
    assert worker.invoke("[method]cart.add", ann, {"sku": "x", "quantity": 0}) == {"err": None}
    assert worker.invoke("[method]cart.content", ann) == {"items": [LINE], "next": None}
    both = worker.invoke("merge", bob, ann)
    assert worker.invoke("[static]cart.count", [ann, bob]) == 2
    assert worker.invoke("[method]cart.content", both) == {"items": [LINE], "next": None}


@pytest.mark.parametrize(
    ("export", "arguments", "kind", "message"),
    [
        ("wrong", (300,), "OverflowError", "the result of a_small_number is 300, which does not fit u8 (0 to 255)"),
        ("wrong", (-1,), "OverflowError", "the result of a_small_number is -1, which does not fit u8 (0 to 255)"),
        ("text-of", ([0xD800],), "ValueError", "the result of text_of is '\\ud800', which has no form in UTF-8"),
        ("refuse", ("other",), "KeyError", "'other'"),
    ],
    ids=["too-large", "negative", "no-utf-8", "undeclared"],
)
def test_failures_are_pythons_own(workers, export, arguments, kind, message, request):
    """No panic of the bindings: what did not fit, where, and why."""
    with pytest.raises(InvocationError) as failed:
        workers(request.node.callspec.id).invoke(export, *arguments)

    assert (failed.value.type, failed.value.message) == (kind, message)
