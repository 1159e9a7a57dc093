"""JSON as the command line takes and prints it."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import replace

import pytest
from hypothesis import given, settings

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.wit import types as t
from durable_dsl.engine.wit.exports import Export
from durable_dsl.engine.wit.json_form import (
    ArgumentFault,
    arguments,
    from_json,
    python_arguments,
    restore,
    result_json,
    to_json,
)
from durable_dsl.engine.wit.types import GuestResource
from durable_dsl.engine.wit.values import ValueFault
from tests.engine.bridge_guest import loaded
from tests.engine.type_values import JUNK, spoiled, values

SHAPES = [export for export in loaded().exports if "shapes" in export.interface and export.function != "two"]
KINDS = {export.function: export.type.params[0][1] for export in SHAPES}
CART = t.Resource("tests:carts", "cart", host=False, index=0)
STREAM = t.Resource("wasi:io/streams", "input-stream", host=True, index=0)
STRING, U8, U32, U64, F64 = (t.Primitive(name) for name in ("string", "u8", "u32", "u64", "f64"))


def export(*kinds, result=None):
    """An export with parameters a, b, c … of these types."""
    params = tuple((name, kind) for name, kind in zip("abcdef", kinds, strict=False))
    return Export("demo:app/api#place", "demo:app/api", "place", t.FunctionType(params, result))


def unread(_name):
    raise AssertionError("nothing is read")


@pytest.mark.parametrize("name", KINDS)
def test_values_survive_json_text(name):
    """Python form to JSON text and back, checked and unchecked, for every type."""

    @settings(max_examples=25, deadline=None)
    @given(values(KINDS[name]))
    def check(value):
        text = json.dumps(to_json(value, KINDS[name]))

        assert value == from_json(json.loads(text), KINDS[name], "v")
        assert value == restore(json.loads(text), KINDS[name])

    check()


@pytest.mark.parametrize("name", KINDS)
def test_whatever_is_accepted_is_in_python_form(name):
    """JSON that is taken crosses without a fault, whatever it was; anything else is a ValueFault."""

    @settings(max_examples=25, deadline=None)
    @given(JUNK | spoiled(KINDS[name]))
    def check(junk):
        try:
            value = from_json(junk, KINDS[name], "v")
        except ValueFault:
            return
        # As texts: a NaN, also one inside a list, is not equal to itself.
        assert repr(value) == repr(from_json(to_json(value, KINDS[name]), KINDS[name], "v"))

    check()


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        (U64, 2**64 - 1, 2**64 - 1),
        (F64, math.inf, "Infinity"),
        (F64, -math.inf, "-Infinity"),
        (t.BYTES, b"\0\xff", {"base64": "AP8="}),
        (t.ListOf(t.BYTES), [b"a"], [{"base64": "YQ=="}]),
        (t.Option(t.Option(t.BYTES)), {"some": b"a"}, {"some": {"base64": "YQ=="}}),
        (t.Option(t.Option(F64)), {"some": None}, {"some": None}),
        (t.Result(t.BYTES, None), {"err": None}, {"err": None}),
        (t.Result(F64, None), {"ok": math.inf}, {"ok": "Infinity"}),
        (t.Variant("v", (("a", None), ("b", F64))), "a", "a"),
        (t.Variant("v", (("a", None), ("b", F64))), {"b": math.inf}, {"b": "Infinity"}),
        (t.Record("r", (("unit-price", F64),)), {"unit-price": math.inf}, {"unit-price": "Infinity"}),
        (t.Tuple((U8, F64)), [1, 2.0], [1, 2.0]),
        (t.Own(CART), GuestResource("cart", 3), {"resource": "cart", "id": 3}),
    ],
)
def test_forms(kind, value, form):
    """Each form as the command line documents it, both ways."""
    assert form == to_json(value, kind)
    assert value == from_json(form, kind, "v")
    assert value == restore(form, kind)


def test_nan_is_a_text():
    """Not a number has no JSON number."""
    assert "NaN" == to_json(math.nan, F64)
    assert math.isnan(from_json("NaN", F64, "v"))
    assert math.isnan(restore("NaN", F64))


@pytest.mark.parametrize(
    ("kind", "given_form", "value"),
    [
        (t.Record("r", (("unit-price", U8), ("b", U8))), {"b": 1, "unit_price": 2}, {"unit-price": 2, "b": 1}),
        (t.Enum("e", ("dark-red",)), "dark_red", "dark-red"),
        (t.Enum("e", ("dark-red",)), "DARK_RED", "dark-red"),
        (t.Flags("f", ("read-all", "b")), ["READ_ALL"], ["read-all"]),
        (t.Record("r", (("from", U8),)), {"from_": 1}, {"from": 1}),
        (t.Flags("f", ("read-all", "b")), ["b", "read_all"], ["read-all", "b"]),
        (t.Variant("v", (("a-b", U8), ("c", None))), {"a_b": 1}, {"a-b": 1}),
        (t.Variant("v", (("a-b", U8), ("c", None))), {"c": None}, "c"),
        (t.Result(None, None), "ok", {"ok": None}),
        (t.BYTES, [0, 255], b"\0\xff"),
        (t.BYTES, b"as it is", b"as it is"),
        (F64, 3, 3.0),
        (t.Own(CART), GuestResource("cart", 3), GuestResource("cart", 3)),
        (t.ListOf(t.Tuple((STRING, F64))), {"a": 1, "b": 2.5}, [["a", 1.0], ["b", 2.5]]),
    ],
)
def test_what_else_is_taken(kind, given_form, value):
    """Snake case, numbers for bytes, null for no payload, an object for pairs, Python's own values."""
    assert value == from_json(given_form, kind, "v")


@pytest.mark.parametrize(
    ("kind", "form", "text"),
    [
        (U8, 256, "v: expected u8, got 256"),
        (U8, "1", "v: expected u8, got '1'"),
        (U64, 1.0, "v: expected u64, got 1.0"),
        (U64, True, "v: expected u64, got True"),
        (F64, "nan", "v: expected f64, got 'nan'"),
        (STRING, 5, "v: expected string, got 5"),
        (STRING, "\ud800", "v: expected string without lone surrogates, got"),
        (t.BYTES, "AP8=", 'v: expected {"base64": "…"} or an array of numbers, list<u8>, got'),
        (t.BYTES, {"base64": "A"}, "v.base64: expected base64: "),
        (t.BYTES, {"base64": "!!!!"}, "v.base64: expected base64: "),
        (t.BYTES, [1, 256], "v[1]: expected u8, got 256"),
        (t.ListOf(U8), {"0": 1}, 'v: expected {"base64": "…"}'),
        (t.ListOf(STRING), "a", "v: expected an array, list<string>, got 'a'"),
        (t.Tuple((U8, U8)), [1], "v: expected 2 values, tuple<u8, u8>, got [1]"),
        (t.Record("r", (("a", U8),)), {}, "v: expected r, field `a` is missing"),
        (t.Record("r", (("a", U8),)), {"a": 1, "b": 2}, "v: r has no field `b`; it has `a`"),
        (t.Record("r", (("a-b", U8),)), {"a-b": 1, "a_b": 2}, "v: field `a-b` is given twice"),
        (t.Record("r", (("a", U8),)), [1], "v: expected an object, r, got [1]"),
        (t.Enum("e", ("a", "b")), "c", "v: expected one of `a`, `b`, got 'c'"),
        (t.Enum("e", ("a", "b")), "VERY_C", "v: expected one of `a`, `b`, got 'VERY_C'"),
        (t.Flags("f", ("a",)), "a", "v: expected a list of flags out of `a`, got 'a'"),
        (t.Flags("f", ("a",)), ["a", "a"], "v: expected a list of flags out of `a`, got ['a', 'a']"),
        (t.Variant("v", (("a", U8), ("b", None))), "a", 'v: case `a` has a payload: write {"a": u8}'),
        (t.Variant("v", (("a", U8), ("b", None))), {"b": 1}, "v.b: expected no payload, got 1"),
        (t.Variant("v", (("a", U8), ("b", None))), {"a": 1, "b": 1}, "v: expected a case of v, one of `a`, `b`, got"),
        (t.Option(t.Option(U8)), 5, 'v: expected null or {"some": …}, option<option<u8>>, got 5'),
        (t.Result(U8, None), {"fine": 1}, "v: expected one of `ok`, `err`, got 'fine'"),
        (t.Own(CART), {"resource": "basket", "id": 1}, 'v: expected {"resource": "cart", "id": …}, got basket 1'),
        (t.Own(CART), 1, 'v: expected {"resource": "cart", "id": …}, got 1'),
        (t.Own(STREAM), {}, "v: `input-stream` belongs to the host and cannot be given as an argument"),
    ],
)
def test_what_does_not_fit_is_told(kind, form, text):
    """Where, what was expected, what came."""
    with pytest.raises(ValueFault) as caught:
        from_json(form, kind, "v")

    assert str(caught.value).startswith(text)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (STRING, "plain text", "plain text"),
        (STRING, '"quoted"', "quoted"),
        (STRING, "17", "17"),
        (STRING, "{}", "{}"),
        (STRING, "", ""),
        (t.Primitive("char"), "é", "é"),
        (t.Enum("e", ("a-b",)), "a-b", "a-b"),
        (t.Enum("e", ("a-b",)), '"a_b"', "a-b"),
        (t.Variant("v", (("a", U8), ("b-c", None))), "b_c", "b-c"),
        (t.Variant("v", (("a", U8), ("b-c", None))), '{"a": 1}', {"a": 1}),
        (U64, str(2**64 - 1), 2**64 - 1),
        (t.Primitive("s8"), "-5", -5),
        (F64, '"NaN"', pytest.approx(math.nan, nan_ok=True)),
        (t.Option(STRING), "null", None),
        (t.Option(STRING), '"x"', "x"),
        (t.Option(t.Enum("e", ("a-b",))), "a_b", "a-b"),
        (t.Option(t.Enum("e", ("a-b",))), "null", None),
        (t.Primitive("bool"), "true", True),
        (t.ListOf(STRING), '["a"]', ["a"]),
    ],
)
def test_arguments_of_the_command_line(kind, text, value):
    """JSON, or plain text where the parameter is a string, char, enum or a case without payload."""
    assert [value] == arguments([text], export(kind), unread)


def test_arguments_from_files_and_stdin():
    """`@FILE` and `-` stand for texts read elsewhere; a quoted text is never a file."""
    texts = {"order.json": '{"a-b": 1}\n', "-": "from stdin"}
    record = t.Record("r", (("a-b", U8),))

    given_arguments = ["@order.json", "-", '"@order.json"']
    assert [{"a-b": 1}, "from stdin", "@order.json"] == arguments(
        given_arguments, export(record, STRING, STRING), texts.__getitem__
    )


@pytest.mark.parametrize(
    ("kind", "text", "path", "message"),
    [
        (U32, "-1", "a", "expected u32, got -1"),
        (U32, "one", "a", "expected u32 as JSON: Expecting value at column 1"),
        (U32, "", "a", "expected u32 as JSON: Expecting value at column 1"),
        (t.Option(STRING), "x", "a", "expected option<string>: null, or text in double quotes, got x"),
        (STRING, '"open', "a", "expected string as JSON: Unterminated string starting at at column 1"),
        (STRING, '"two" "texts"', "a", "expected string as JSON: Extra data at column 7"),
        (t.ListOf(U32), "[1,\n 2,]", "a", "expected list<u32> as JSON: "),
        (t.Enum("e", ("x", "y")), "z", "a", "expected one of `x`, `y`, got 'z'"),
        (t.Option(t.Enum("e", ("x", "y"))), "z", "a", "expected one of `x`, `y`, got 'z'"),
        (t.Option(t.Enum("e", ("x", "y"))), '"z"', "a", "expected one of `x`, `y`, got 'z'"),
        (t.Variant("v", (("x", None), ("y", U8))), "z", "a", "expected one of `x`, `y`, got 'z'"),
        (U32, "9" * 5000, "a", "expected u32 as JSON: "),
        (t.ListOf(t.ListOf(U32)), "[" * 100_000, "a", "expected list<list<u32>> as JSON: "),
        (t.ListOf(t.Record("line", (("qty", U32),))), '[{"qty":1},{"qty":-1}]', "a[1].qty", "expected u32, got -1"),
    ],
)
def test_argument_faults_carry_signature_and_path(kind, text, path, message):
    """Refused before anything runs, for the user of the command line to mend."""
    function = export(kind, result=U32)
    with pytest.raises(ArgumentFault) as caught:
        arguments([text], function, unread)
    fault = caught.value

    assert (function.signature, path) == (fault.signature, fault.path)
    assert fault.message.startswith(f"{path}: {message}")
    assert str(fault).endswith(function.signature)
    assert isinstance(fault, UsageError)
    copy = pickle.loads(pickle.dumps(fault))
    assert (str(fault), fault.path, fault.hint) == (str(copy), copy.path, copy.hint)


def test_the_number_of_arguments_is_told():
    """Too many and too few, on the command line and in Python."""
    with pytest.raises(ArgumentFault, match="expected 2 arguments, got 1"):
        arguments(["1"], export(U8, U8), unread)
    with pytest.raises(ArgumentFault, match="expected no arguments, got 1"):
        python_arguments([1], export())


def test_python_arguments_take_python_and_json():
    """What a Python caller has at hand: bytes, resources, dicts in snake case."""
    record = t.Record("r", (("a-b", t.BYTES),))
    taken = python_arguments([{"a_b": b"x"}, GuestResource("cart", 1), 5], export(record, t.Borrow(CART), F64))

    assert [{"a-b": b"x"}, GuestResource("cart", 1), 5.0] == taken
    with pytest.raises(ArgumentFault, match=r"a\.a-b: expected"):
        python_arguments([{"a_b": "x"}], export(record))


def test_results():
    """A function without result has none."""
    assert result_json(None, export()) is None
    assert {"base64": ""} == result_json(b"", export(result=t.BYTES))


def test_the_hosts_own_objects_have_no_form():
    """They mean nothing outside of the process."""
    with pytest.raises(TypeError, match="is the host's: it has no JSON form"):
        to_json(object(), t.Own(STREAM))


def test_defaults_stand_in_for_arguments_that_are_left_out():
    """From the end only, in the command line's and in Python's form; a default that does not fit is none."""
    kinds = (STRING, U8, t.Option(STRING))
    place = replace(export(*kinds), defaults={"b": 7, "c": None})
    wrong = replace(export(*kinds), defaults={"b": "seven", "c": None})

    assert ["tea", 7, None] == arguments(["tea"], place, unread)
    assert ["tea", 8, None] == python_arguments(["tea", 8], place)
    assert ["tea", 8, "x"] == python_arguments(["tea", 8, "x"], place)
    with pytest.raises(ArgumentFault, match="expected 1 to 3 arguments, got 0"):
        arguments([], place, unread)
    with pytest.raises(ArgumentFault, match="expected 1 to 3 arguments, got 4"):
        python_arguments(["tea", 8, None, 1], place)
    with pytest.raises(ArgumentFault, match="expected 2 to 3 arguments, got 1"):
        arguments(["tea"], wrong, unread)


def test_fields_that_have_defaults_may_be_left_out():
    """Those that are given stand; one without a default is missing."""
    line = t.Record("line", (("sku", STRING), ("qty", U8), ("notes", t.ListOf(STRING))), (("qty", 1), ("notes", [])))

    assert {"sku": "tea", "qty": 1, "notes": []} == from_json({"sku": "tea"}, line, "v")
    assert {"sku": "tea", "qty": 2, "notes": []} == from_json({"qty": 2, "sku": "tea"}, line, "v")
    with pytest.raises(ValueFault, match="field `sku` is missing"):
        from_json({"qty": 2}, line, "v")


def test_aliases_of_members_are_taken_for_them():
    """As Python writes them, and in WIT's way; what comes out has the member's own name."""
    colour = t.Enum("colour", ("red", "blue"), (("dark-red", "red"),))
    access = t.Flags("access", ("read", "write"), (("see", "read"),))

    assert ["red"] * 3 == [from_json(name, colour, "v") for name in ("DARK_RED", "dark-red", "red")]
    assert ["read", "write"] == from_json(["write", "SEE"], access, "v")
    with pytest.raises(ValueFault, match="expected one of `red`, `blue`"):
        from_json("green", colour, "v")
