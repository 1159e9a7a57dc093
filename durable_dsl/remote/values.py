"""Values that one worker sends another: which nodes a type hint stands for, compiled once per hint.

The types are those of a code-first world, and mean the same WIT: int (s64, or a width of durable_dsl.types), float,
bool, str, bytes, list, tuple, dict with str keys, `X | None`, dataclass, Enum, Flag, union of dataclasses. So a
dataclass that a component declares in its exports can be used as it is by those who call it. What other WIT has is
written with `case` (a variant's case whose payload is no record) and `Result[T, E]`.

A value is a list of nodes, the root first, as golem:rpc sends it; a node here is a pair of a case and its payload.
"""

from __future__ import annotations

import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from durable_dsl.binding import crossing
from durable_dsl.results import Err, Ok
from durable_dsl.types import Width

__all__ = ["Codec", "Node", "Nodes", "case", "codec_of", "errors_codec", "result_codec"]

Node: TypeAlias = tuple[str, Any]
Nodes: TypeAlias = list[Node]
C = TypeVar("C", bound=type)

#: The attribute of a class that `case` marks.
_CASE: Final = "__durable_dsl_case__"
_UNIONS: Final = (typing.Union, types.UnionType)


def _float(value: float, what: str) -> float:
    return float(crossing.number(value, what))


_PLAIN: Final[dict[Any, tuple[str, Callable[[Any, str], Any]]]] = {
    bool: ("prim-bool", crossing.boolean),
    int: ("prim-s64", crossing.s64),
    float: ("prim-float64", _float),
    str: ("prim-string", crossing.text),
}
_BITS: Final = (8, 16, 32, 64)
_WIDTHS: Final[dict[str, tuple[str, Callable[[Any, str], Any]]]] = {
    **{f"{sign}{bits}": (f"prim-{sign}{bits}", getattr(crossing, f"{sign}{bits}")) for sign in "us" for bits in _BITS},
    "f32": ("prim-float32", _float),
    "f64": ("prim-float64", _float),
    "char": ("prim-char", crossing.char),
}


class Codec(NamedTuple):
    """`encode(value, nodes, what)` adds a value's nodes, its own first, and gives its place; `decode(nodes, place)`."""

    encode: Callable[[Any, Nodes, str], int]
    decode: Callable[[Sequence[Node], int], Any]


def case(kind: C) -> C:
    """Mark a dataclass with one field as a case of a variant whose payload is that field's value."""
    setattr(kind, _CASE, True)
    return kind


def codec_of(hint: Any, what: str) -> Codec:
    """How values of a type are sent. Raises TypeError for one that cannot be; `what` says where it stands."""
    return _codec(hint, what, {})


def _codec(hint: Any, what: str, known: dict[Any, Any]) -> Codec:
    hint = known.get(hint, hint) if isinstance(hint, TypeVar) else hint
    if hasattr(hint, "__supertype__"):
        return _codec(hint.__supertype__, what, known)
    if type(hint).__name__ == "TypeAliasType":
        return _codec(hint.__value__, what, known)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        width = next((each.name for each in hint.__metadata__ if isinstance(each, Width)), None)
        return _primitive(*_WIDTHS[width]) if width in _WIDTHS else _codec(arguments[0], what, known)
    if hint in _PLAIN:
        return _primitive(*_PLAIN[hint])
    if hint is bytes:
        return _bytes()
    if origin in _UNIONS:
        return _union(arguments, what, known)
    if origin in (list, Sequence) and arguments:
        return _list(_codec(arguments[0], what, known), list)
    if origin is tuple and arguments:
        if arguments[-1] is Ellipsis:
            return _list(_codec(arguments[0], what, known), tuple)
        return _tuple([_codec(each, what, known) for each in arguments])
    if origin is dict and len(arguments) == 2 and arguments[0] is str:
        return _dict(_codec(arguments[1], what, known))
    kind = origin or hint
    if isinstance(kind, type):
        if issubclass(kind, enum.Flag):
            return _flags(kind)
        if issubclass(kind, enum.Enum):
            return _enum(kind)
        if dataclasses.is_dataclass(kind):
            return _record(kind, what, dict(zip(getattr(kind, "__parameters__", ()), arguments, strict=False)))
    raise TypeError(
        f"{what} is {hint!r}, which cannot be sent to another worker: use int, float, bool, str, bytes, list, tuple, "
        f"dict with str keys, X | None, a dataclass, an Enum, a Flag, or a union of dataclasses"
    )


def _primitive(name: str, check: Callable[[Any, str], Any]) -> Codec:
    def encode(value: Any, nodes: Nodes, what: str) -> int:
        nodes.append((name, check(value, what)))
        return len(nodes) - 1

    return Codec(encode, _payload)


def _payload(nodes: Sequence[Node], at: int) -> Any:
    return nodes[at][1]


def _bytes() -> Codec:
    def encode(value: Any, nodes: Nodes, what: str) -> int:
        data = crossing.data(value, what)
        at = len(nodes)
        nodes.append(("list-value", list(range(at + 1, at + 1 + len(data)))))
        nodes.extend(("prim-u8", byte) for byte in data)
        return at

    return Codec(encode, lambda nodes, at: bytes(nodes[item][1] for item in nodes[at][1]))


def _list(item: Codec, made: Callable[[list[Any]], Any]) -> Codec:
    def encode(value: Any, nodes: Nodes, what: str) -> int:
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            crossing.refuse(value, made.__name__, what)
        at = _reserve(nodes)
        nodes[at] = ("list-value", [item.encode(each, nodes, f"{what}[{place}]") for place, each in enumerate(value)])
        return at

    return Codec(encode, lambda nodes, at: made([item.decode(nodes, each) for each in nodes[at][1]]))


def _dict(item: Codec) -> Codec:
    pair = _tuple([_primitive(*_PLAIN[str]), item])
    pairs = _list(pair, dict)

    def encode(value: Any, nodes: Nodes, what: str) -> int:
        if not isinstance(value, dict):
            crossing.refuse(value, "dict", what)
        return pairs.encode(list(value.items()), nodes, what)

    return Codec(encode, pairs.decode)


def _tuple(parts: list[Codec]) -> Codec:

    def encode(value: Any, nodes: Nodes, what: str) -> int:
        if not isinstance(value, tuple) or len(value) != len(parts):
            crossing.refuse(value, f"tuple of {len(parts)}", what)
        at = _reserve(nodes)
        pairs = zip(parts, value, strict=True)
        items = [part.encode(each, nodes, f"{what}[{place}]") for place, (part, each) in enumerate(pairs)]
        nodes[at] = ("tuple-value", items)
        return at

    def decode(nodes: Sequence[Node], at: int) -> Any:
        return tuple(part.decode(nodes, each) for part, each in zip(parts, nodes[at][1], strict=True))

    return Codec(encode, decode)


def _record(kind: Any, what: str, known: dict[Any, Any]) -> Codec:
    hints = typing.get_type_hints(kind, include_extras=True)
    names = [each.name for each in dataclasses.fields(kind) if each.init]
    by_name = any(each.kw_only for each in dataclasses.fields(kind))
    fields = [(name, _codec(hints[name], f"{kind.__qualname__}.{name} ({what})", known)) for name in names]
    if not fields:
        raise TypeError(f"{what} is {kind.__qualname__}, which has no fields: only a case of a union may have none")

    def encode(value: Any, nodes: Nodes, what: str) -> int:
        if not isinstance(value, kind):
            crossing.refuse(value, kind.__qualname__, what)
        at = _reserve(nodes)
        parts = [each.encode(getattr(value, name), nodes, f"{kind.__qualname__}.{name}") for name, each in fields]
        nodes[at] = ("record-value", parts)
        return at

    def decode(nodes: Sequence[Node], at: int) -> Any:
        values = [each.decode(nodes, to) for (_, each), to in zip(fields, nodes[at][1], strict=True)]
        # By position where that can be: an exception keeps its arguments, which are its text.
        return kind(**dict(zip(names, values, strict=True))) if by_name else kind(*values)

    return Codec(encode, decode)


def _enum(kind: type[enum.Enum]) -> Codec:
    members = list(kind)
    places = {member: place for place, member in enumerate(members)}

    def encode(value: Any, nodes: Nodes, what: str) -> int:
        nodes.append(("enum-value", crossing.member(places, value, kind.__qualname__, what)))
        return len(nodes) - 1

    return Codec(encode, lambda nodes, at: members[nodes[at][1]])


def _flags(kind: type[enum.Flag]) -> Codec:
    members = [each for each in kind if each.value > 0 and each.value & (each.value - 1) == 0]

    def encode(value: Any, nodes: Nodes, what: str) -> int:
        if not isinstance(value, kind):
            crossing.refuse(value, kind.__qualname__, what)
        nodes.append(("flags-value", [member in value for member in members]))
        return len(nodes) - 1

    def decode(nodes: Sequence[Node], at: int) -> Any:
        value = kind(0)
        for member, given in zip(members, nodes[at][1], strict=True):
            value = value | member if given else value
        return value

    return Codec(encode, decode)


def _union(arguments: tuple[Any, ...], what: str, known: dict[Any, Any]) -> Codec:
    some = [each for each in arguments if each is not type(None)]
    origins = {typing.get_origin(each) or each for each in some}
    if origins == {Ok, Err}:
        inner = result_codec(*(_of_side(each, what, known) for each in sorted(some, key=_is_err)))
    else:
        inner = _codec(some[0], what, known) if len(some) == 1 else _variant(some, what, known)
    return inner if len(some) == len(arguments) else _option(inner)


def _option(inner: Codec) -> Codec:
    def encode(value: Any, nodes: Nodes, what: str) -> int:
        at = _reserve(nodes)
        nodes[at] = ("option-value", None if value is None else inner.encode(value, nodes, what))
        return at

    def decode(nodes: Sequence[Node], at: int) -> Any:
        return None if nodes[at][1] is None else inner.decode(nodes, nodes[at][1])

    return Codec(encode, decode)


def _variant(kinds: list[Any], what: str, known: dict[Any, Any]) -> Codec:
    """Told apart by class; a subclass is found before its bases."""
    classes = [typing.get_origin(each) or each for each in kinds]
    for each in classes:
        if not (isinstance(each, type) and dataclasses.is_dataclass(each)):
            raise TypeError(f"{what} is a union with {each!r}: only dataclasses, or one type and None, make a union")
    return _cases(classes, [_payload_of(each, what, known) for each in kinds])


def _cases(classes: list[Any], codecs: list[Codec | None]) -> Codec:
    order = sorted(range(len(classes)), key=lambda at: -len(classes[at].__mro__))

    def encode(value: Any, nodes: Nodes, what: str) -> int:
        number = next((at for at in order if isinstance(value, classes[at])), None)
        if number is None:
            crossing.refuse(value, " | ".join(each.__qualname__ for each in classes), what)
        codec = codecs[number]
        at = _reserve(nodes)
        nodes[at] = ("variant-value", (number, None if codec is None else codec.encode(value, nodes, what)))
        return at

    def decode(nodes: Sequence[Node], at: int) -> Any:
        number, payload = nodes[at][1]
        codec = codecs[number]
        return classes[number]() if codec is None else codec.decode(nodes, payload)

    return Codec(encode, decode)


def _payload_of(kind: Any, what: str, known: dict[Any, Any]) -> Codec | None:
    """The payload of a class as a case: None for one without fields."""
    plain: Any = typing.get_origin(kind) or kind
    if not [each for each in dataclasses.fields(plain) if each.init]:
        return None
    if _CASE not in vars(plain):
        return _codec(kind, what, known)
    (field,) = dataclasses.fields(plain)
    inner = _codec(typing.get_type_hints(plain, include_extras=True)[field.name], what, known)
    return Codec(
        lambda value, nodes, what: inner.encode(getattr(value, field.name), nodes, what),
        lambda nodes, at: plain(inner.decode(nodes, at)),
    )


def errors_codec(kinds: Sequence[Any], what: str) -> Codec | None:
    """The err side of a function that raises these: one type is it, several classes are the cases of a variant.

    An exception that is no dataclass is sent as its text. None for one without fields.
    """
    if len(kinds) > 1:
        codecs = [_error(each, what) for each in kinds]
        return _cases(list(kinds), codecs)
    return _error(kinds[0], what)


def _error(kind: Any, what: str) -> Codec | None:
    exception: Any = kind if isinstance(kind, type) and issubclass(kind, BaseException) else None
    if exception is None:
        return _codec(kind, what, {})
    if dataclasses.is_dataclass(exception):
        return _payload_of(exception, what, {})
    text = _primitive(*_PLAIN[str])
    return Codec(
        lambda value, nodes, what: text.encode(str(value), nodes, what),
        lambda nodes, at: kind(text.decode(nodes, at)),
    )


def _is_err(kind: Any) -> bool:
    return (typing.get_origin(kind) or kind) is Err


def _of_side(kind: Any, what: str, known: dict[Any, Any]) -> Codec | None:
    arguments = typing.get_args(kind)
    return _codec(arguments[0], what, known) if arguments and arguments[0] not in (None, type(None)) else None


def result_codec(ok: Codec | None, err: Codec | None) -> Codec:
    """A `result`, as Ok and Err; None is a side without a payload."""

    def encode(value: Any, nodes: Nodes, what: str) -> int:
        if not isinstance(value, (Ok, Err)):
            crossing.refuse(value, "Ok or Err", what)
        side, codec = ("ok", ok) if isinstance(value, Ok) else ("err", err)
        at = _reserve(nodes)
        nodes[at] = (side, None if codec is None else codec.encode(value.value, nodes, what))
        return at

    def decode(nodes: Sequence[Node], at: int) -> Any:
        side, payload = nodes[at]
        codec, made = (ok, Ok) if side == "ok" else (err, Err)
        return made(None if codec is None else codec.decode(nodes, payload))

    return Codec(encode, decode)


def _reserve(nodes: Nodes) -> int:
    nodes.append(("", None))
    return len(nodes) - 1
