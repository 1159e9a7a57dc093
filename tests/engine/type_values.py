"""Hypothesis strategies for values of WIT types, in Python form."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from durable_dsl.engine.wit import types as t

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_PRIMITIVES = {
    **{name: st.integers(low, high) for name, (low, high) in t.INTEGERS.items()},
    "bool": st.booleans(),
    "char": st.characters(exclude_categories=["Cs"]),
    "string": _TEXT,
    "f32": st.floats(width=32, allow_nan=False),
    "f64": st.floats(allow_nan=False),
}


def values(kind: t.Type) -> st.SearchStrategy:
    """Values that fit the type; NaN, which equals nothing, is tested on its own."""
    match kind:
        case t.Primitive(name):
            return _PRIMITIVES[name]
        case t.ListOf(t.Primitive("u8")):
            return st.binary(max_size=40)
        case t.ListOf(element):
            return st.lists(values(element), max_size=5)
        case t.Tuple(elements):
            return st.tuples(*map(values, elements)).map(list)
        case t.Record(_, fields):
            return st.fixed_dictionaries({name: values(inner) for name, inner in fields})
        case t.Enum(_, cases):
            return st.sampled_from(cases)
        case t.Flags(_, names):
            return st.sets(st.sampled_from(names)).map(lambda chosen: [name for name in names if name in chosen])
        case t.Option(inner):
            some = values(inner)
            return st.none() | (some.map(lambda value: {"some": value}) if isinstance(inner, t.Option) else some)
        case t.Result(ok, err):
            return st.one_of(_tagged("ok", ok or None), _tagged("err", err or None))
        case t.Variant(_, cases):
            return st.one_of([_tagged(name, inner) if inner else st.just(name) for name, inner in cases])
    raise TypeError(kind)


def _tagged(tag: str, inner: t.Type | None) -> st.SearchStrategy:
    return (values(inner) if inner else st.none()).map(lambda value: {tag: value})


JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**70), 2**70),
        st.floats(),
        st.text(max_size=5),
        st.binary(max_size=5),
        st.sampled_from(["red", "origin", "smart", "read", "x", "ok", "some", "\ud800", 1 << 400, object()]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(
            st.sampled_from(["ok", "err", "some", "x", "y", "circle", "origin", "sku", "id"]), inner, max_size=3
        ),
    ),
    max_leaves=8,
)
"""Values that mostly fit nothing."""


@st.composite
def spoiled(draw: st.DrawFn, kind: t.Type) -> object:
    """A value of the type with one part exchanged for junk."""
    return _spoil(draw, draw(values(kind)))


def _spoil(draw: st.DrawFn, value: object) -> object:
    if isinstance(value, dict) and value and draw(st.booleans()):
        key = draw(st.sampled_from(sorted(value)))
        how = draw(st.sampled_from(["deeper", "drop", "rename"]))
        if how == "deeper":
            return {**value, key: _spoil(draw, value[key])}
        rest = {name: part for name, part in value.items() if name != key}
        return rest if how == "drop" else {**rest, f"{key}-too": value[key]}
    if isinstance(value, list) and value and draw(st.booleans()):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], _spoil(draw, value[index]), *value[index + 1 :]]
    return draw(JUNK)


def as_f32(value: float) -> float:
    """The nearest number that `f32` has."""
    return struct.unpack("f", struct.pack("f", value))[0]
