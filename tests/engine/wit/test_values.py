"""Values cross in all four directions and come back as they were; what does not fit is told with its path."""

from __future__ import annotations

import math
import pickle
import traceback

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from durable_dsl.engine.traps import ImplementationFault
from durable_dsl.engine.wit import types as t
from durable_dsl.engine.wit.values import ValueFault, find_fault
from tests.engine.bridge_guest import Host, call, loaded, opened
from tests.engine.type_values import JUNK, spoiled, values

ECHOES = [export for export in loaded().exports if "shapes" in export.interface and export.function != "two"]
KINDS = {export.function: export.type.params[0][1] for export in ECHOES}
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def instance():
    """One guest for all values."""
    with opened() as shared:
        yield shared


def echo(instance, name, value):
    """What comes back, and what the host's implementation saw on the way."""
    instance.host.seen.clear()
    result = call(instance, f"shapes#{name}", value)
    return result, instance.host.seen[-1]


@pytest.mark.parametrize("name", KINDS)
def test_values_of_every_shape_come_back(instance, name):
    """Lowered as argument, lifted in the host, lowered as its result, lifted as result: always the same value."""

    @QUICK
    @given(values(KINDS[name]))
    def check(value):
        assert (value, value) == echo(instance, name, value)

    check()


@pytest.mark.parametrize("name", KINDS)
def test_faults_are_found_where_lowering_fails(instance, name):
    """The fast conversion and the search for the reason agree on what fits."""

    @QUICK
    @given(st.one_of(JUNK, spoiled(KINDS[name])))
    def check(value):
        expected = find_fault(value, KINDS[name], "v", lambda *_: "")
        outcome = None
        try:
            call(instance, f"shapes#{name}", value)
        except ValueFault as fault:
            outcome = fault
        assert str(expected) == str(outcome)

    check()
    assert instance.usable


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a-u64", 2**64 - 1),
        ("a-s64", -(2**63)),
        ("a-char", "\U0010ffff"),
        ("a-string", "a\0b ü 𝄞"),
        ("some-bytes", bytes(range(256)) * 300),
        ("some-bytes", b""),
        ("strings", []),
        ("opt-opt", {"some": None}),
        ("opt-opt-opt", {"some": {"some": None}}),
        ("opt-opt-opt", {"some": {"some": 0}}),
        ("a-rights", []),
        ("a-many", [f"g{i}" for i in range(32)]),
        ("a-shape", {"square": 7}),
        ("a-shape", {"circle": 7}),
        ("a-shape", {"maybe": None}),
        ("res-none", {"ok": None}),
        ("res-err", {"err": "origin"}),
        ("u64s", [0, 2**64 - 1]),
        ("f64s", [math.inf, -math.inf, -0.0, 5e-324]),
    ],
)
def test_values_at_the_edges_come_back(instance, name, value):
    """Extremes, empty ones, cases of equal payload, options inside options."""
    assert (value, value) == echo(instance, name, value)


@pytest.mark.parametrize("name", ["a-f32", "a-f64"])
def test_nan_stays_nan(instance, name):
    """Not a number is a number that crosses."""
    result, seen = echo(instance, name, math.nan)

    assert math.isnan(result)
    assert math.isnan(seen)


def test_convenient_values_are_taken(instance):
    """Tuples for lists, any bytes-like value for bytes, whole numbers for floats, numbers beyond f32 as infinite."""
    assert ["a", "b"] == echo(instance, "strings", ("a", "b"))[0]
    assert b"abc" == echo(instance, "some-bytes", bytearray(b"abc"))[0]
    assert b"ac" == echo(instance, "some-bytes", memoryview(b"abc")[::2])[0]
    assert 3.0 == echo(instance, "a-f64", 3)[0]
    assert [1.0, 2.5] == echo(instance, "f32s", [1, 2.5])[0]
    assert math.inf == echo(instance, "a-f32", 1e300)[0]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("a-u32", -1, "v: expected u32, got -1"),
        ("a-u32", True, "v: expected u32, got True"),
        ("a-u32", 1.0, "v: expected u32, got 1.0"),
        ("a-bool", 1, "v: expected bool, got 1"),
        ("a-string", b"x", "v: expected string, got b'x'"),
        ("a-string", "\udc80", "v: expected string without lone surrogates, got '\\udc80'"),
        ("a-char", "ab", "v: expected char, a single character, got 'ab'"),
        ("some-bytes", [1, 2], "v: expected bytes, got [1, 2]"),
        ("u16s", [1, 70000], "v[1]: expected u16, got 70000"),
        ("strings", "abc", "v: expected list<string>, got 'abc'"),
        ("a-tuple", [1, "x"], "v: expected 3 values, tuple<u8, string, f64>, got [1, 'x']"),
        ("a-color", "pink", "v: expected one of `red`, `green`, `blue`, `dark-red`, got 'pink'"),
        ("a-rights", ["read", "fly"], "v: expected a list of flags out of `read`, `write`, `exec`, `read-all`, got"),
        ("a-point", {"x": 1}, "v: expected point, field `y` is missing"),
        ("a-point", {"x": 1, "y": 2, "z": 3}, "v: point has no field `z`; it has `x`, `y`"),
        ("a-level", "clever", "v: expected one of `persist-nothing`, `persist-remote-side-effects`, `smart`, got"),
        ("a-shape", "circle", 'v: case `circle` has a payload: write {"circle": u32}'),
        ("a-shape", {"origin": None}, "v: case `origin` has no payload: write 'origin'"),
        ("a-shape", {"poly": [{"x": 1, "y": "2"}]}, "v.poly[0].y: expected s32, got '2'"),
        ("opt-opt", "x", "v: expected null or {\"some\": …}, option<option<string>>, got 'x'"),
        ("res-both", {"ok": -1}, "v.ok: expected u32, got -1"),
        ("res-both", 5, 'v: expected {"ok": …} or {"err": …}, result<u32, string>, got 5'),
        ("res-none", {"ok": 5}, "v.ok: expected no payload, got 5"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_its_path(instance, name, value, text):
    """The message says where, what was expected and what came; the instance stays usable."""
    with pytest.raises(ValueFault) as caught:
        call(instance, f"shapes#{name}", value)

    assert str(caught.value).startswith(text)
    assert instance.usable


def test_the_path_leads_into_records(instance):
    """`order.lines[2].qty`, by the parameter's name."""
    line = {"sku": "a", "qty": 1, "unit-price": 1.0}
    order = {"id": 1, "lines": [line, line, {**line, "qty": -1}], "note": None, "paint": "red", "allowed": []}
    with pytest.raises(ValueFault) as caught:
        call(instance, "an-order", order)

    assert "v.lines[2].qty" == caught.value.path
    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value)))


def test_the_number_of_arguments_is_checked(instance):
    """Too few and too many are faults of the call."""
    with pytest.raises(ValueFault, match="a-u8: expected 1 argument, got 2"):
        call(instance, "a-u8", 1, 2)
    with pytest.raises(ValueFault, match="nothing: expected no arguments, got 1"):
        call(instance, "nothing", 1)


def test_an_implementations_wrong_result_names_the_import():
    """A host function that answers nonsense ends the call with a fault that says which one."""
    host = Host(mirror=lambda _name, _value: {"x": 1, "y": 2**40})
    with opened(host) as instance:
        with pytest.raises(ImplementationFault) as caught:
            call(instance, "a-point", {"x": 1, "y": 2})
        assert not instance.usable

    assert f"tests:bridge/shapes@1.2.0#a-point result.y: expected s32, got {2**40}" == str(caught.value).splitlines()[0]


def test_generated_code_shows_in_tracebacks():
    """An exception in an implementation shows the line that called it, with the signature above it."""
    with opened() as instance, pytest.raises(LookupError) as caught:
        call(instance, "crash", "error")
    told = "".join(traceback.format_exception(caught.value))

    assert 'File "<durable_dsl import tests:bridge/tools@1.2.0#fail #' in told
    assert "implementation" in told


def test_types_read_as_wit():
    """Structure where there is no name."""
    point = t.Record(None, (("x", t.Primitive("s32")),))

    assert "list<record { x: s32 }>" == t.text(t.ListOf(point))
    assert "variant { a, b(u8) }" == t.text(t.Variant(None, (("a", None), ("b", t.Primitive("u8")))))
    assert "enum { a, b }" == t.text(t.Enum(None, ("a", "b")))
    assert "flags { a }" == t.text(t.Flags(None, ("a",)))
    assert ["result", "result<u8>", "result<_, u8>"] == [
        t.text(t.Result(None, None)),
        t.text(t.Result(t.Primitive("u8"), None)),
        t.text(t.Result(None, t.Primitive("u8"))),
    ]
