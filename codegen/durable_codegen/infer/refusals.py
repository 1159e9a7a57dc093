"""What to say of a Python type that has no place in WIT: one line that names what to use instead."""

from __future__ import annotations

from typing import Any

__all__ = ["instead_of"]

_INSTEAD = {
    "datetime.datetime": "float seconds since the epoch, or str in ISO 8601 (value.isoformat())",
    "datetime.date": "str in ISO 8601 (value.isoformat())",
    "datetime.time": "str in ISO 8601 (value.isoformat())",
    "datetime.timedelta": "float seconds (value.total_seconds())",
    "decimal.Decimal": "str (str(value)), or int in the smallest unit, such as cents",
    "fractions.Fraction": "tuple[int, int]",
    "uuid.UUID": "str (str(value))",
    "pathlib.Path": "str; a component has files of its own only",
    "ipaddress.IPv4Address": "str",
    "builtins.complex": "tuple[float, float]",
    "builtins.bytearray": "bytes",
    "builtins.memoryview": "bytes",
    "builtins.set": "list[T]",
    "builtins.frozenset": "list[T]",
    "builtins.list": "list[T], with the type of what is in it",
    "builtins.dict": "dict[str, T], with the type of the values",
    "builtins.tuple": "tuple[A, B] or tuple[T, ...], with the types of what is in it",
    "builtins.range": "list[int]",
    "builtins.object": "a type of its own: a dataclass, or a union of dataclasses",
    "builtins.type": "an Enum that names the choices",
    "set": "list[T]",
    "frozenset": "list[T]",
    "tuple": "a dataclass with fields, or None: WIT has no empty tuple",
    "dict": "dict[str, T]",
    "type": "an Enum that names the choices",
    "typing.Literal": "an Enum of the values",
    "typing.Any": "a type of its own: a dataclass, or a union of dataclasses",
    "typing.Final": "the type itself",
    "typing.ClassVar": "the type itself",
    "collections.defaultdict": "dict[str, T]",
    "collections.OrderedDict": "dict[str, T]",
    "collections.Counter": "dict[str, int]",
    "collections.deque": "list[T]",
    "collections.abc.Callable": "an Enum or a dataclass that says what shall be done: functions stay on their side",
}
_STREAMS = {"Iterator", "Iterable", "Generator", "AsyncIterator", "AsyncIterable", "AsyncGenerator"}
_WAITING = {"Awaitable", "Coroutine", "Future", "Task"}


def instead_of(name: str, about: dict[str, Any] | None) -> str:
    """What to use instead of the type of that full name; `about` is what the scan says of it if it is a class."""
    last = name.rpartition(".")[2]
    if name in _INSTEAD:
        return f"use {_INSTEAD[name]}"
    if last in _STREAMS:
        return "use list[T]: all of it crosses at once"
    if last in _WAITING:
        return "write async def and the type of the value itself"
    if about is not None and about["module"] == "pathlib":
        return f"use {_INSTEAD['pathlib.Path']}"
    if about is not None and about["of_app"]:
        if "builtins:tuple" in about["bases"] or "builtins:dict" in about["bases"]:
            return f"make {about['qualname']} a dataclass: NamedTuple and TypedDict do not keep their kind"
        return f"make {about['qualname']} a dataclass, or put @export on it to hand it out as a resource"
    return "use int, float, bool, str, bytes, list, tuple, dict with str keys, a dataclass, an Enum or a Flag"
