"""Types described as JSON, so that a value can be checked where the type itself is not there: by the embedded engine.

`description_of(type)` is what is on record with a promise, `type_of(description)` a type that takes the same values,
under the same names. A dataclass inside of itself is described once; from there on anything is taken.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import operator
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from durable_dsl.values.typed_json import fields_of, is_dataclass, is_enum, is_required, name_of, resolved

__all__ = ["Description", "description_of", "type_of"]

Description = Any
"""JSON: the name of a plain type, or an object with one member that tells the kind."""

_PLAIN: Final[dict[Any, str]] = {
    bytes: "bytes", str: "str", int: "int", float: "float", bool: "bool", type(None): "null", list: "list",
    tuple: "list", Sequence: "list", dict: "dict", Mapping: "dict",
}  # fmt: skip
_NAMED: Final[dict[str, Any]] = {name: kind for kind, name in reversed(_PLAIN.items())} | {"any": Any}


def description_of(kind: Any, *, inside: tuple[Any, ...] = ()) -> Description:
    """A type that `typed_json.check_type` lets through."""
    kind = resolved(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if origin is Literal and all(_json(each) is not None for each in arguments):
        return {"literal": list(arguments)}
    if is_enum(kind):
        return {"enum": name_of(kind), "members": {each.name: _json(each.value) for each in kind}}
    if is_dataclass(kind):
        if kind in inside:
            return "any"
        known = {name: description_of(each, inside=(*inside, kind)) for name, each in fields_of(kind).items()}
        needed = [field.name for field in dataclasses.fields(kind) if field.name in known and is_required(field)]
        return {"class": name_of(kind), "fields": known, "needed": needed}
    if origin is tuple and arguments[-1] is not Ellipsis:
        return {"tuple": [description_of(each, inside=inside) for each in arguments]}
    if origin in (list, tuple, Sequence):
        return {"list": description_of(arguments[0], inside=inside)}
    if origin in (dict, Mapping):
        return {"dict": description_of(arguments[1], inside=inside)}
    if arguments and origin is not Literal:
        return {"union": [description_of(each, inside=inside) for each in arguments]}
    return "any"


def type_of(description: Description) -> Any:
    """A type that takes what the described one takes."""
    if isinstance(description, str):
        return _NAMED[description]
    match description:
        case {"literal": options}:
            return Literal[tuple(options)]
        case {"enum": name, "members": members}:
            given = {each: _Opaque() if value is None else value for each, value in members.items()}
            return enum.Enum(name, given, module="builtins")
        case {"class": name, "fields": known, "needed": needed}:
            fields = [
                (each, type_of(kind), dataclasses.field() if each in needed else dataclasses.field(default=None))
                for each, kind in known.items()
            ]
            made = dataclasses.make_dataclass(name.rpartition(".")[2], fields, kw_only=True)
            made.__qualname__, made.__module__ = name, "builtins"  # so that messages have the name alone
            return made
        case {"tuple": items}:
            return tuple[tuple(map(type_of, items))]  # type: ignore[misc]
        case {"list": item}:
            return list[type_of(item)]  # type: ignore[misc]
        case {"dict": item}:
            return dict[str, type_of(item)]  # type: ignore[misc]
        case {"union": kinds}:
            return functools.reduce(operator.or_, map(type_of, kinds))
    raise ValueError(f"{description!r} describes no type")


class _Opaque:
    """The value of an enum's member that has no JSON: the member is known by its name alone."""


def _json(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool)) else None
