"""Defaults of parameters as JSON: what a caller leaves out, in the form of the parameter's WIT type.

The scan describes a default by what it is made of; whether that fits the parameter, and which case of a variant it is,
only the type says.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from durable_codegen.faults import Fault
from durable_codegen.infer.shapes import (
    Bytes,
    DictOf,
    Enumeration,
    FlagSet,
    ListOf,
    Named,
    OptionOf,
    Primitive,
    Record,
    Shapes,
    TupleOf,
    Type,
    Variant,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from durable_codegen.infer.world import InferredParam

__all__ = ["Unfit", "default_faults", "default_json", "field_defaults", "left_out"]

_FLOATS = {"f32", "f64"}
_TEXT_FLOATS = {"NaN", "Infinity", "-Infinity"}


class Unfit(Exception):  # noqa: N818 - what a default is, not what went wrong
    """A default that is no value of its parameter's type."""


def left_out(params: Sequence[InferredParam], shapes: Shapes) -> dict[str, Any]:
    """The defaults that arguments may be left to: by their place, so only those of the last parameters."""
    found: dict[str, Any] = {}
    for each in reversed(params):
        try:
            found[each.wit] = default_json(each, shapes)
        except Unfit:
            break
    return found


def default_json(param: InferredParam, shapes: Shapes) -> Any:
    """The default of a parameter. Raises Unfit where there is none, or none of its type."""
    if not param.default:
        raise Unfit
    return _json(param.default[0], param.type, shapes)


def field_defaults(record: Record, shapes: Shapes) -> dict[str, Any]:
    """The fields of a record that may be left out of its JSON object, and what they are then."""
    found = {}
    for each in record.fields:
        with suppress(Unfit):
            if each.default:
                found[each.wit] = _json(each.default[0], each.type, shapes)
    return found


def default_faults(
    params: Sequence[tuple[InferredParam, str | None, int | None]], shown: str, shapes: Shapes
) -> Iterator[Fault]:
    """A warning for each default that callers cannot leave an argument to; parameters come with their places."""
    needed: str | None = None
    for param, file, line in reversed(params):
        if not param.has_default:
            needed = needed or param.python
            continue
        message = f"callers of {shown} cannot leave out {param.python}"
        try:
            default_json(param, shapes)
        except Unfit:
            why = ": its default is no value of its type that can be written as JSON"
            hint = "give it a default of the type in its hint, or add None to the hint and make None the default"
            needed = needed or param.python
        else:
            if needed is None:
                continue
            why = f": arguments go by their place, and {needed} after it has to be given"
            hint = "put the parameters that have defaults last"
        yield Fault("DSL616", message + why, file, line, hint, severity="warning")


def _json(form: Any, kind: Type, shapes: Shapes) -> Any:
    match kind:
        case Primitive(wit):
            return _primitive(form, wit)
        case Bytes():
            if isinstance(form, dict) and "base64" in form:
                return form
        case OptionOf(item):
            return None if form is None else _json(form, item, shapes)
        case ListOf(item):
            if isinstance(form, list):
                return [_json(each, item, shapes) for each in form]
        case TupleOf(items):
            if isinstance(form, list) and len(form) == len(items):
                return [_json(each, item, shapes) for each, item in zip(form, items, strict=True)]
        case DictOf(value):
            if isinstance(form, dict) and "pairs" in form:
                return {key: _json(each, value, shapes) for key, each in form["pairs"]}
        case Named(key):
            return _named(form, key, shapes)
    raise Unfit


def _primitive(form: Any, wit: str) -> Any:
    number = isinstance(form, (int, float)) and not isinstance(form, bool)
    if wit in _FLOATS:
        fits = number or form in _TEXT_FLOATS
    elif wit == "bool":
        fits = isinstance(form, bool)
    elif wit in {"string", "char"}:
        fits = isinstance(form, str) and _is_text(form) and (wit == "string" or len(form) == 1)
    else:
        bits = int(wit[1:])
        least, most = (0, 2**bits) if wit[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        fits = number and isinstance(form, int) and least <= form < most
    if not fits:
        raise Unfit
    return form


def _is_text(form: str) -> bool:
    """Whether a text is of characters that exist alone: not the halves of one."""
    return not any("\ud800" <= each <= "\udfff" for each in form)


def _named(form: Any, key: str, shapes: Shapes) -> Any:
    shape = shapes.table[key]
    match shape:
        case Enumeration(members=members):
            if form in {python for python, _ in members}:
                return form
        case FlagSet(members=members):
            if isinstance(form, list) and set(form) <= {python for python, _ in members}:
                return form
        case Record(fields=fields):
            given = form.get("fields") if isinstance(form, dict) else None
            if given is not None and all(each.python in given for each in fields):
                return {each.wit: _json(given[each.python], each.type, shapes) for each in fields}
        case Variant(cases=cases):
            made = form.get("class") if isinstance(form, dict) else None
            for each in cases:
                if made == f"{each.python.module}:{each.python.qualname}":
                    return each.wit if each.payload is None else {each.wit: _json(form, each.payload, shapes)}
    raise Unfit
