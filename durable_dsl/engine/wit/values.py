"""The Python form of WIT values, and what is wrong with a value that does not fit its type.

| WIT | Python |
|---|---|
| bool, integers, f32 and f64, char and string | bool, int, float (an int is taken too), str |
| list<u8> | bytes (bytearray and memoryview are taken too) |
| list, tuple | list (a tuple is taken too) |
| record | dict with the WIT field names |
| variant | {"case": payload}, or "case" for a case without payload |
| enum | str |
| flags | list of str, in declared order |
| option<T> | None or the value; option<option<T>>: None, {"some": None}, {"some": x} |
| result | {"ok": value} or {"err": value}; None for a payload that the type does not have |
| own and borrow of a host resource | the host's own Python object |
| own and borrow of a guest resource | `GuestResource` |

The fast conversions (`bridge.codegen`) know only that a value does not fit; `find_fault` then looks for the reason.
Both must agree on what fits: a test compares them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import EngineError
from durable_dsl.engine.wit import types as t
from durable_dsl.engine.wit.types import GuestResource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class ValueFault(EngineError, ValueError):  # noqa: N818  (the user's mistake, in the house's word)
    """A Python value does not fit its WIT type: `path` as in `order.lines[2].qty`, `message` what is wrong there."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(path, message)
        self.path = path
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def find_fault(
    value: Any, kind: t.Type, path: str, holds: Callable[[GuestResource, t.Resource], str]
) -> ValueFault | None:
    """The first thing in `value` that does not fit, or None.

    `holds(handle, resource)` says why a guest resource cannot be passed ("" if it can).
    """
    match kind:
        case t.Primitive(name):
            expected = _primitive_fault(value, name)
            return ValueFault(path, f"expected {expected}, got {shown(value)}") if expected else None
        case t.ListOf(t.Primitive("u8")):
            return None if isinstance(value, (bytes, bytearray, memoryview)) else _expected(path, "bytes", value)
        case t.ListOf(element):
            if not isinstance(value, (list, tuple)):
                return _expected(path, t.text(kind), value)
            parts: Iterable[tuple[Any, t.Type, str]] = ((v, element, f"{path}[{i}]") for i, v in enumerate(value))
        case t.Tuple(elements):
            if not isinstance(value, (list, tuple)) or len(value) != len(elements):
                return _expected(path, f"{len(elements)} values, {t.text(kind)}", value)
            parts = ((v, inner, f"{path}[{i}]") for i, (v, inner) in enumerate(zip(value, elements, strict=True)))
        case t.Record(_, fields):
            fault = _record_fault(value, kind, path)
            if fault:
                return fault
            parts = ((value[name], inner, f"{path}.{name}") for name, inner in fields)
        case t.Enum(_, cases):
            fits = isinstance(value, str) and value in cases
            return None if fits else ValueFault(path, f"expected {one_of(cases)}, got {shown(value)}")
        case t.Flags(_, names):
            fits = isinstance(value, (list, tuple)) and all(isinstance(v, str) and v in names for v in value)
            if not fits or len(set(value)) != len(value):
                return ValueFault(path, f"expected a list of flags out of {listed(names)}, got {shown(value)}")
            return None
        case t.Variant() | t.Result():
            tag, payload, inner, fault = _case(value, kind, path)
            if fault or inner is None:
                return fault
            parts = ((payload, inner, f"{path}.{tag}"),)
        case t.Option(inner):
            if value is None:
                return None
            if not isinstance(inner, t.Option):
                return find_fault(value, inner, path, holds)
            if not isinstance(value, dict) or list(value) != ["some"]:
                return _expected(path, f'null or {{"some": …}}, {t.text(kind)}', value)
            parts = ((value["some"], inner, f"{path}.some"),)
        case t.Own(resource) | t.Borrow(resource):
            if resource.host:
                return None
            if not isinstance(value, GuestResource):
                return _expected(path, f"a {resource.name}", value)
            reason = holds(value, resource)
            return ValueFault(path, reason) if reason else None
    return next((fault for part in parts if (fault := find_fault(*part, holds))), None)


def shown(value: object) -> str:
    """A value in a message: its repr, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def counted(arguments: int) -> str:
    return "1 argument" if arguments == 1 else f"{arguments or 'no'} arguments"


def one_of(names: tuple[str, ...]) -> str:
    return f"one of {listed(names)}" if len(names) > 1 else listed(names)


def _expected(path: str, expected: str, value: object) -> ValueFault:
    return ValueFault(path, f"expected {expected}, got {shown(value)}")


def _primitive_fault(value: Any, name: str) -> str:
    """What was expected instead, or "" for a value that fits."""
    if name in t.INTEGERS:
        low, high = t.INTEGERS[name]
        return "" if type(value) is int and low <= value <= high else name
    if name in t.FLOATS:
        return "" if type(value) is float or (type(value) is int and _has_float(value)) else name
    if name == "bool":
        return "" if type(value) is bool else name
    if not isinstance(value, str):
        return name
    if not _is_unicode(value):
        return f"{name} without lone surrogates"
    return "" if name == "string" or len(value) == 1 else "char, a single character"


def _has_float(value: int) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _record_fault(value: Any, kind: t.Record, path: str) -> ValueFault | None:
    if not isinstance(value, dict):
        return _expected(path, t.text(kind), value)
    names = [name for name, _ in kind.fields]
    missing = [name for name in names if name not in value]
    if missing:
        return ValueFault(path, f"expected {t.text(kind)}, field {listed(missing)} is missing")
    unknown = [str(name) for name in value if name not in names]
    if unknown:
        return ValueFault(path, f"{t.text(kind)} has no field {listed(unknown)}; it has {listed(names)}")
    return None


def _case(value: Any, kind: t.Variant | t.Result, path: str) -> tuple[str, Any, t.Type | None, ValueFault | None]:
    """The case's name, its payload and the payload's type (None without payload), or what is wrong."""
    if isinstance(kind, t.Result):
        cases: dict[str, t.Type | None] = {"ok": kind.ok, "err": kind.err}
        wanted = f'{{"ok": …}} or {{"err": …}}, {t.text(kind)}'
        if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in cases:
            return "", None, None, _expected(path, wanted, value)
        ((tag, payload),) = value.items()
        if cases[tag] is None and payload is not None:
            return "", None, None, ValueFault(f"{path}.{tag}", f"expected no payload, got {shown(payload)}")
        return tag, payload, cases[tag], None
    cases = dict(kind.cases)
    if isinstance(value, str):
        tag, payload, given = value, None, False
    elif isinstance(value, dict) and len(value) == 1:
        ((tag, payload),) = value.items()
        given = True
    else:
        return "", None, None, _expected(path, f"a case of {t.text(kind)}", value)
    if not isinstance(tag, str) or tag not in cases:
        return "", None, None, ValueFault(path, f"expected {one_of(tuple(cases))}, got {shown(tag)}")
    inner = cases[tag]
    if inner is None and given:
        return "", None, None, ValueFault(path, f"case `{tag}` has no payload: write {tag!r}")
    if inner is not None and not given:
        return "", None, None, ValueFault(path, f'case `{tag}` has a payload: write {{"{tag}": {t.text(inner)}}}')
    return tag, payload, inner, None
