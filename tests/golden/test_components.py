"""The golden apps as real components: the host sees the same calls in the same order as in plain Python."""

from __future__ import annotations

import ast
import json
import re

import pytest

from durable_codegen.component.report import SECTION
from durable_codegen.component.section import read_section
from durable_codegen.source.names import camel, python_name
from tests.components import built_once
from tests.golden.cases import CALLS
from tests.golden.guest import TRAPPED, Guest
from tests.golden.test_wrappers import APPS

#: Built in every run; the others when all are.
ALWAYS = ["package"]
OTHERS = [
    "asynchronous",
    "classes",
    "functions",
    "inferred",
    "leaving",
    "names",
    "py_example",
    "shapes",
    "shared",
    "snapshots",
    "world",
]


def simple_calls(case, exports):
    """The calls of a case whose arguments are plain values: export, arguments, outcome, host calls."""
    for expression, outcome, calls in CALLS[case]:
        found = re.fullmatch(r"(\w+)\(\)\.(\w+)\((.*)\)", expression)
        if found is None or re.search(r"[a-z]+[.(]", found[3]):
            continue
        arguments = ast.literal_eval(f"({found[3]},)") if found[3] else ()
        for export in exports:
            interface, _, function = export["name"].rpartition("#")
            owner = camel(interface.rpartition("/")[2].partition("@")[0]) if interface else "WitWorld"
            if owner == found[1] and python_name(function) == found[2]:
                yield export["name"], arguments, outcome, calls


def check(case, factory):
    component = built_once(APPS / case, factory)
    exports = json.loads(read_section(component, SECTION))["exports"]
    guest = Guest(component)
    checked = 0
    for export, arguments, outcome, calls in simple_calls(case, exports):
        answer = guest.fresh().call(export, *arguments)

        failed = re.match(r"\w+Error\(|Gone\(", outcome) is not None or (
            outcome.startswith("Err") and calls == ["mark-begin-operation"]
        )
        assert (export, arguments, guest.calls) == (export, arguments, calls)
        assert (answer is TRAPPED) == failed, (export, arguments, answer)
        checked += 1
    assert checked


@pytest.mark.parametrize("case", ALWAYS)
def test_component_makes_the_host_calls_of_its_wrapper(case, tmp_path_factory):
    """Success, domain error and failure in the guest, as in plain Python."""
    check(case, tmp_path_factory)


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", OTHERS)
def test_every_component_makes_the_host_calls_of_its_wrapper(case, tmp_path_factory):
    """The same for the other cases."""
    check(case, tmp_path_factory)


def test_resources_live_in_the_guest(tmp_path_factory):
    """Constructor, methods and static functions; resources as arguments, in results, and inside of records."""
    guest = Guest(built_once(APPS / "resources", tmp_path_factory)).fresh()
    carts = "demo:shop/carts"
    ann = guest.call(f"{carts}#[constructor]cart", "ann")
    bob = guest.call(f"{carts}#[static]cart.open", "bob")

    assert guest.call(f"{carts}#[method]cart.add", ann, "tea", 2) == 2
    assert guest.call(f"{carts}#[method]cart.add", bob, "tea", 3) == 3
    assert guest.call(f"{carts}#[method]cart.merge", ann, bob) is None
    assert guest.call(f"{carts}#total", ann) == 5
    assert guest.call(f"{carts}#[static]cart.count") == 2

    pair = guest.call(f"{carts}#split", ann)
    assert guest.call(f"{carts}#total", pair.left) == 5
    assert guest.call(f"{carts}#total", pair.right) == 0

    found = guest.call(f"{carts}#find", ["x", "y"])
    assert [guest.call(f"{carts}#[method]cart.lines", each) for each in found] == [[], []]
    total, first = guest.call(f"{carts}#empty", [bob, pair.left])
    assert (total, guest.call(f"{carts}#total", first)) == (8, 3)
    refused = guest.call(f"{carts}#pay", guest.call(f"{carts}#[constructor]cart", "eve"))
    assert refused[0] == "nothing to pay"
    assert guest.call(f"{carts}#total", refused[1]) == 0
    assert guest.call("demo:shop/shelves#[method]cart.wheels", guest.call("demo:shop/shelves#[constructor]cart")) == 4
