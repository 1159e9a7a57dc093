"""Values as golem:rpc sends them, and names as Golem writes them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from durable_dsl.engine.interfaces.rpc.values import spelled
from durable_dsl.engine.wit import types as t
from durable_dsl.engine.wit.function_names import spellings
from durable_dsl.engine.wit.nodes import NodeFault, read_value, write_results, write_value
from durable_dsl.engine.wit.types import GuestResource
from tests.engine.type_values import values

U32, STRING = t.Primitive("u32"), t.Primitive("string")
KINDS = st.recursive(
    st.sampled_from([*(t.Primitive(name) for name in ("bool", "char", "string", "f32", "f64", *t.INTEGERS)), t.BYTES]),
    lambda inner: st.one_of(
        inner.map(t.ListOf),
        inner.map(t.Option),
        st.builds(t.Result, st.none() | inner, st.none() | inner),
        st.tuples(inner, inner).map(t.Tuple),
        st.tuples(inner, inner).map(lambda parts: t.Record("r", tuple(zip("ab", parts, strict=True)))),
        st.tuples(st.none() | inner, inner).map(lambda parts: t.Variant("v", tuple(zip("ab", parts, strict=True)))),
        st.just(t.Enum("e", ("x", "y"))),
        st.just(t.Flags("f", ("x", "y", "z"))),
    ),
    max_leaves=6,
)


def no_handle(*_):
    raise AssertionError


@given(st.data())
def test_what_was_written_is_read_again(data):
    """Any value of any type."""
    kind = data.draw(KINDS)
    value = data.draw(values(kind))

    assert value == read_value(write_value(value, kind, no_handle), kind, no_handle)


def test_the_root_comes_first():
    """Then its parts, each before the next."""
    kind = t.Record("point", (("x", U32), ("names", t.ListOf(STRING))))

    assert {
        "nodes": [
            {"record-value": [1, 2]},
            {"prim-u32": 7},
            {"list-value": [3, 4]},
            {"prim-string": "a"},
            {"prim-string": "b"},
        ]
    } == write_value({"x": 7, "names": ["a", "b"]}, kind, no_handle)


def test_results_are_a_tuple():
    """Of one, or of none."""
    assert {"nodes": [{"tuple-value": [1]}, {"prim-u32": 7}]} == write_results([(7, U32)], no_handle)
    assert {"nodes": [{"tuple-value": []}]} == write_results([], no_handle)


def test_handles_have_an_address():
    """Whose resource it is, and its number there."""
    kind = t.Own(t.Resource("a:b/c", "cart", host=False, index=0))
    cart = GuestResource("cart", 3)
    nodes = write_value(cart, kind, lambda resource: ("urn:x", resource.id))

    assert {"nodes": [{"handle": [{"value": "urn:x"}, 3]}]} == nodes
    assert cart == read_value(nodes, kind, lambda uri, number, resource: GuestResource(resource.name, number))


def test_both_spellings_of_floats_are_read():
    """Older and newer declarations of golem:rpc."""
    for case in ("prim-float64", "prim-f64"):
        assert 1.5 == read_value({"nodes": [{case: 1.5}]}, t.Primitive("f64"), no_handle)


@pytest.mark.parametrize("declared", ["prim-float64", "prim-f64"])
def test_results_are_spelled_as_the_caller_declares_them(declared):
    """By the type of the function that it imports."""
    nodes = t.Record("wit-value", (("nodes", t.ListOf(t.Variant("wit-node", ((declared, t.Primitive("f64")),)))),))
    component = SimpleNamespace(hash=declared, imported_type=lambda *_: t.FunctionType((), t.Result(nodes, None)))
    engine = SimpleNamespace(component_of=lambda *_: component)
    host = SimpleNamespace(worker=SimpleNamespace(engine=engine, component="c", version=0))

    assert {"ok": {"nodes": [{declared: 1.5}]}} == spelled(host, {"ok": {"nodes": [{"prim-float64": 1.5}]}})


@pytest.mark.parametrize(
    ("kind", "nodes"),
    [
        (U32, [{"prim-u64": 1}]),
        (U32, []),
        (t.Tuple((U32, U32)), [{"tuple-value": [1]}, {"prim-u32": 1}]),
        (t.ListOf(U32), [{"list-value": [9]}]),
        (t.ListOf(U32), [{"list-value": [-1]}]),
        (t.Enum("e", ("a",)), [{"enum-value": 1}]),
        (t.Flags("f", ("a",)), [{"flags-value": [True, True]}]),
        (t.Variant("v", (("a", U32),)), [{"variant-value": [0, None]}]),
        (t.Variant("v", (("a", None),)), [{"variant-value": [0, 1]}, {"prim-u32": 1}]),
        (t.Result(None, U32), [{"result-value": {"ok": 1}}, {"prim-u32": 1}]),
        (t.Record("r", (("a", U32),)), [{"record-value": [1, 1]}, {"prim-u32": 1}]),
    ],
)
def test_nodes_that_are_no_value_of_the_type(kind, nodes):
    """Told, and never taken for something else."""
    with pytest.raises(NodeFault):
        read_value({"nodes": nodes}, kind, no_handle)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("place", ["place"]),
        ("orders#place", ["orders#place"]),
        ("demo:app/orders#[method]cart.add", ["demo:app/orders#[method]cart.add"]),
        ("demo:app/orders.{place}", ["demo:app/orders#place"]),
        ("demo:app/orders@1.0.0.{place-all}", ["demo:app/orders@1.0.0#place-all"]),
        ("{place}", ["place"]),
        ("demo:app/orders/place", ["demo:app/orders#place"]),
        ("demo:app/carts.{cart.new}", ["#[constructor]cart", "#[method]cart.new", "#[static]cart.new"]),
        ("demo:app/carts.{cart.drop}", ["#[drop]cart", "#[method]cart.drop", "#[static]cart.drop"]),
        ("demo:app/carts.{cart.add}", ["#[method]cart.add", "#[static]cart.add"]),
        ("demo:app/carts.{[static]cart.open}", ["demo:app/carts#[static]cart.open"]),
    ],
)
def test_golems_names(name, expected):
    """Its form and ours; what may be several things is tried in order."""
    full = [f"demo:app/carts{one}" if one.startswith("#") else one for one in expected]

    assert full == spellings(name)
