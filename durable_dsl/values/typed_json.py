"""Values of a Python type as bytes and back, checked: `bytes` as they are, `str` as UTF-8, everything else as JSON.

The JSON of a type is what its readers would write by hand: a dataclass is an object of its fields, an Enum the value
of a member (its name, where the value is no JSON), a tuple an array, bytes inside of something else
`{"base64": "…"}`, and NaN and the infinities are texts, as everywhere in durable_dsl. What does not fit is refused
with the place in the value and what was there.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import json
import math
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = [
    "Mismatch", "check_type", "fields_of", "from_bytes", "is_dataclass", "is_enum", "is_required", "name_of",
    "resolved", "to_bytes",
]  # fmt: skip

_PLAIN: Final[dict[Any, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    type(None): "null",
}
_SPECIAL: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_LONGEST: Final = 80
_UNIONS: Final = (typing.Union, types.UnionType)


class Mismatch(ValueError):  # noqa: N818  (never leaves this package)
    """What a value has that its type does not; `path` is the place in it, as `lines[2].price`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


def check_type(kind: Any, *, inside: tuple[Any, ...] = ()) -> None:
    """Refuse a type that has no JSON form. Raises TypeError. A dataclass may be `inside` of itself."""
    kind = resolved(kind)
    origin = typing.get_origin(kind)
    if origin in _UNIONS or origin in (list, dict, tuple, Sequence, Mapping):
        arguments = typing.get_args(kind)
        if origin in (dict, Mapping) and arguments and resolved(arguments[0]) is not str:
            raise TypeError(f"{name_of(kind)}: the keys of a JSON object are texts, so a dict's have to be str")
        for argument in arguments:
            if argument is not Ellipsis:
                check_type(argument, inside=inside)
    elif is_dataclass(kind):
        for field_kind in fields_of(kind).values() if kind not in inside else ():
            check_type(field_kind, inside=(*inside, kind))
    elif not _is_leaf(kind):
        raise TypeError(
            f"{name_of(kind)} has no JSON form: use bytes, str, int, float, bool, list, dict, tuple, a dataclass or "
            f"an Enum"
        )


def to_bytes(value: object, kind: Any) -> bytes:
    """`value` as bytes. Raises Mismatch where it is not of the type `kind`."""
    kind = resolved(kind)
    if kind is bytes:
        if not isinstance(value, (bytes, bytearray, memoryview)):
            raise Mismatch("", f"expected bytes, got {_shown(value)}")
        return bytes(value)
    if kind is str:
        text: str = _expect(value, str, "")
        return text.encode()
    return json.dumps(_dump(value, kind, ""), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def from_bytes(data: bytes, kind: Any) -> Any:
    """The value that `data` is. Raises Mismatch where it is none of the type `kind`."""
    kind = resolved(kind)
    if kind is bytes:
        return data
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Mismatch("", f"expected {name_of(kind)}, got bytes that are no text: {_shown(data)}") from None
    if kind is str:
        return text
    if kind is type(None) and not text:
        return None
    try:
        value = json.loads(text)
    except ValueError:
        if not _is_text(kind):
            raise Mismatch("", f"expected {name_of(kind)} as JSON, got {_shown(text)}") from None
        value = text  # a member's name, as people type it
    return _load(value, kind, "")


def name_of(kind: Any) -> str:
    """A type as people write it."""
    if typing.get_origin(kind) is None and isinstance(kind, type):
        return kind.__qualname__
    return str(kind).replace("typing.", "")


def _dump(value: Any, kind: Any, path: str) -> Any:
    kind = resolved(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is float and isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else next(text for text, each in _SPECIAL.items() if each == value)
    if kind in _PLAIN:
        return _expect(value, kind, path)
    if kind is bytes:
        return {"base64": base64.b64encode(to_bytes(value, bytes)).decode()}
    if kind in (Any, object):
        return _dump_anything(value, path)
    if origin in _UNIONS:
        return _first_fitting(_dump, value, arguments, kind, path)
    if origin is typing.Literal:
        return _one_of(value, arguments, path)
    if is_enum(kind):
        member = _expect(value, kind, path)
        return member.value if isinstance(member.value, (str, int, float, bool)) else member.name
    if is_dataclass(kind):
        _expect(value, kind, path)
        return {name: _dump(getattr(value, name), each, _at(path, name)) for name, each in fields_of(kind).items()}
    if kind in (dict, Mapping) or origin in (dict, Mapping):
        item = arguments[1] if arguments else Any
        return {
            _expect(key, str, path): _dump(each, item, _at(path, str(key)))
            for key, each in _expect(value, Mapping, path).items()
        }
    return [_dump(each, item, f"{path}[{place}]") for place, each, item in _items(value, kind, path)]


def _load(value: Any, kind: Any, path: str) -> Any:
    kind = resolved(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is float and isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind in _PLAIN:
        return _expect(value, kind, path)
    if kind is bytes:
        encoded: Any = value
        try:
            return base64.b64decode(encoded["base64"], validate=True)
        except (TypeError, KeyError, ValueError):
            raise Mismatch(path, f'expected bytes as {{"base64": "…"}}, got {_shown(value)}') from None
    if kind in (Any, object):
        return value
    if origin in _UNIONS:
        return _first_fitting(_load, value, arguments, kind, path)
    if origin is typing.Literal:
        return _one_of(value, arguments, path)
    if is_enum(kind):
        return _member(value, kind, path)
    if is_dataclass(kind):
        return _object(value, kind, path)
    if kind in (dict, Mapping) or origin in (dict, Mapping):
        item = arguments[1] if arguments else Any
        return {key: _load(each, item, _at(path, key)) for key, each in _expect(value, Mapping, path).items()}
    items = [_load(each, item, f"{path}[{place}]") for place, each, item in _items(value, kind, path)]
    return tuple(items) if tuple in (kind, origin) else items


def _object(value: Any, kind: Any, path: str) -> Any:
    given, known = _expect(value, Mapping, path, f"an object with the fields of {name_of(kind)}"), fields_of(kind)
    if unknown := [name for name in given if name not in known]:
        raise Mismatch(path, f"{name_of(kind)} has no field {unknown[0]!r}; it has {', '.join(known) or 'none'}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    missing = [name for name in known if name not in given and is_required(fields[name])]
    if missing:
        raise Mismatch(path, f"{name_of(kind)} needs the field {missing[0]!r}, got {_shown(value)}")
    return kind(**{name: _load(each, known[name], _at(path, name)) for name, each in given.items()})


def _member(value: Any, kind: Any, path: str) -> Any:
    for member in kind:
        if (member.value == value and type(member.value) is type(value)) or member.name == value:
            return member
    names = ", ".join(json.dumps(each.value if isinstance(each.value, (str, int)) else each.name) for each in kind)
    raise Mismatch(path, f"expected one of {names}, got {_shown(value)}")


def _items(value: Any, kind: Any, path: str) -> list[tuple[int, Any, Any]]:
    """The items of a list or tuple, each with its place and its type."""
    arguments = typing.get_args(kind)
    given = _expect(value, (list, tuple), path, "a list")
    if tuple in (kind, typing.get_origin(kind)) and arguments and arguments[-1] is not Ellipsis:
        if len(given) != len(arguments):
            raise Mismatch(path, f"expected {len(arguments)} items, got {len(given)}")
        return [(place, each, arguments[place]) for place, each in enumerate(given)]
    return [(place, each, arguments[0] if arguments else Any) for place, each in enumerate(given)]


def _first_fitting(convert: Any, value: Any, kinds: Sequence[Any], whole: Any, path: str) -> Any:
    closest: Mismatch | None = None
    for kind in kinds:
        try:
            return convert(value, kind, path)
        except Mismatch as mismatch:
            # The one that got furthest into the value is the one that was meant.
            if closest is None or len(mismatch.path) > len(closest.path):
                closest = mismatch
    if closest is not None and closest.path != path:
        raise closest
    raise Mismatch(path, f"expected {name_of(whole)}, got {_shown(value)}")


def _one_of(value: Any, options: Sequence[Any], path: str) -> Any:
    if not any(value == option and type(value) is type(option) for option in options):
        raise Mismatch(path, f"expected one of {', '.join(map(_shown, options))}, got {_shown(value)}")
    return value


def _dump_anything(value: Any, path: str) -> Any:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Mismatch(path, f"{_shown(value)} has no JSON form: {error}") from None
    return value


def _expect(value: Any, kind: Any, path: str, wanted: str = "") -> Any:
    """`value`, if it is of that type. A bool is no number here."""
    if isinstance(value, kind) and (kind is bool or not isinstance(value, bool) or kind not in (int, float)):
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    words = wanted or _PLAIN.get(kind) or ("an object" if kind is Mapping else name_of(kind))
    raise Mismatch(path, f"expected {words}, got {_shown(value)}")


def resolved(kind: Any) -> Any:
    """The type itself: without an annotation, a new name or an alias around it; None is its type."""
    while True:
        if kind is None:
            return type(None)
        if typing.get_origin(kind) is typing.Annotated:
            kind = typing.get_args(kind)[0]
        elif hasattr(kind, "__supertype__"):
            kind = kind.__supertype__
        elif type(kind).__name__ == "TypeAliasType":
            kind = kind.__value__
        else:
            return kind


def fields_of(kind: Any) -> dict[str, Any]:
    """The fields that a dataclass is made with, with their types."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}


def is_required(field: dataclasses.Field[Any]) -> bool:
    """Whether there is no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def is_dataclass(kind: Any) -> bool:
    """Whether it is a class of that kind, and not an instance."""
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def is_enum(kind: Any) -> bool:
    """Whether it is a class of members."""
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _is_leaf(kind: Any) -> bool:
    known = (bytes, Any, object, list, dict, tuple, Sequence, Mapping)
    return kind in _PLAIN or kind in known or is_enum(kind) or typing.get_origin(kind) is typing.Literal


def _is_text(kind: Any) -> bool:
    """Whether the JSON of a type is a text, or may be one."""
    return is_enum(kind) or typing.get_origin(kind) is typing.Literal


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shown(value: object) -> str:
    """A value in a message: as JSON where it has one, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
