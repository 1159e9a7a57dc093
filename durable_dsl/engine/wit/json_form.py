"""JSON for WIT values: what the command line takes and prints, and what is written to the oplog.

It is the Python form but for these: bytes are {"base64": …}, infinities and NaN are texts, a resource of the guest is
{"resource": "cart", "id": 0}. On the way in it takes more: snake case for names of fields and cases, an array of
numbers for bytes, `{"case": null}` for a case without payload, and, from Python, bytes and resources as they are.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.wit import types as t
from durable_dsl.engine.wit.types import GuestResource
from durable_dsl.engine.wit.values import ValueFault, counted, find_fault, listed, one_of, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from durable_dsl.engine.wit.exports import Export

_TEXT_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_PLAIN_TEXT = frozenset({t.Primitive("string"), t.Primitive("char")})

_plain: dict[int, tuple[t.Type, bool]] = {}  # by identity: hashing a type walks all of it


class ArgumentFault(UsageError):  # noqa: N818  (the user's mistake, in the house's word)
    """An argument does not fit its parameter; nothing was run. `path` is as in `order.lines[2].qty`."""

    def __init__(self, signature: str, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message, signature)
        self.args = (signature, path, message)
        self.signature = signature
        self.path = path

    def __str__(self) -> str:
        return f"{self.message}\n  {self.signature}"


def to_json(value: Any, kind: t.Type) -> Any:
    """A value in Python form as what `json.dumps` takes."""
    if _is_plain(kind):
        return value
    match kind:
        case t.Primitive():
            return value if math.isfinite(value) else _float_text(value)
        case t.ListOf(t.Primitive("u8")):
            return {"base64": base64.b64encode(value).decode()}
        case t.ListOf(element):
            return [to_json(item, element) for item in value]
        case t.Tuple(elements):
            return [to_json(item, inner) for item, inner in zip(value, elements, strict=True)]
        case t.Record(_, fields):
            return {name: to_json(value[name], inner) for name, inner in fields}
        case t.Option(inner):
            if value is None:
                return None
            return {"some": to_json(value["some"], inner)} if isinstance(inner, t.Option) else to_json(value, inner)
        case t.Variant() | t.Result():
            if isinstance(value, str):
                return value
            ((case, payload),) = value.items()
            part = _payload_type(kind, case)
            return {case: None if part is None else to_json(payload, part)}
    if not isinstance(value, GuestResource):
        raise TypeError(f"{shown(value)} is the host's: it has no JSON form")
    return {"resource": value.name, "id": value.id}


def restore(value: Any, kind: t.Type) -> Any:
    """The inverse of `to_json`, for text that this package wrote: nothing is checked."""
    if _is_plain(kind):
        return value
    match kind:
        case t.Primitive():
            return _TEXT_FLOATS[value] if isinstance(value, str) else float(value)
        case t.ListOf(t.Primitive("u8")):
            return base64.b64decode(value["base64"])
        case t.ListOf(element):
            return [restore(item, element) for item in value]
        case t.Tuple(elements):
            return [restore(item, inner) for item, inner in zip(value, elements, strict=True)]
        case t.Record(_, fields):
            return {name: restore(value[name], inner) for name, inner in fields}
        case t.Option(inner):
            if value is None:
                return None
            return {"some": restore(value["some"], inner)} if isinstance(inner, t.Option) else restore(value, inner)
        case t.Variant() | t.Result():
            if isinstance(value, str):
                return value
            ((case, payload),) = value.items()
            part = _payload_type(kind, case)
            return {case: None if part is None else restore(payload, part)}
    return GuestResource(value["resource"], value["id"])


def from_json(value: Any, kind: t.Type, path: str) -> Any:
    """What `json.loads` gave, in Python form; anything that does not fit is a `ValueFault`."""
    match kind:
        case t.Primitive(name) if name in t.FLOATS:
            value = _TEXT_FLOATS.get(value, value) if isinstance(value, str) else value
            return float(_checked(value, kind, path))
        case t.ListOf(t.Primitive("u8")):
            return _bytes(value, path)
        case t.ListOf(t.Tuple((t.Primitive("string"), inner))) if isinstance(value, dict):
            # What a dict of Python is in WIT; as an object it is easier to write.
            return [[key, from_json(each, inner, f"{path}.{key}")] for key, each in value.items()]
        case t.ListOf(element):
            items = _array(value, kind, path)
            return [from_json(item, element, f"{path}[{i}]") for i, item in enumerate(items)]
        case t.Tuple(elements):
            items = _array(value, kind, path)
            if len(items) != len(elements):
                raise ValueFault(path, f"expected {len(elements)} values, {t.text(kind)}, got {shown(value)}")
            pairs = zip(items, elements, strict=True)
            return [from_json(item, inner, f"{path}[{i}]") for i, (item, inner) in enumerate(pairs)]
        case t.Record(_, fields):
            given = _checked_fields(value, kind, path)
            return {name: from_json(given[name], inner, f"{path}.{name}") for name, inner in fields}
        case t.Enum():
            return _checked(_named(value, kind.cases, kind.aliases), kind, path)
        case t.Flags(_, names, aliases):
            flags = [_named(item, names, aliases) for item in value] if isinstance(value, (list, tuple)) else value
            _checked(flags, kind, path)
            return [name for name in names if name in flags]
        case t.Variant() | t.Result():
            return _case(value, kind, path)
        case t.Option(inner):
            if value is None:
                return None
            if not isinstance(inner, t.Option):
                return from_json(value, inner, path)
            if not isinstance(value, dict) or list(value) != ["some"]:
                raise ValueFault(path, f'expected null or {{"some": …}}, {t.text(kind)}, got {shown(value)}')
            return {"some": from_json(value["some"], inner, f"{path}.some")}
        case t.Own(resource) | t.Borrow(resource):
            return _resource(value, resource, path)
    return _checked(value, kind, path)


def result_json(value: Any, export: Export) -> Any:
    """The JSON form of what an export returned; None where it returns nothing."""
    return None if export.type.result is None else to_json(value, export.type.result)


def python_arguments(values: Sequence[Any], export: Export) -> list[Any]:
    """Arguments given in Python, in Python form; raises `ArgumentFault`. Takes all that JSON may be, and bytes."""
    left_out = _left_out(len(values), export)
    try:
        given = [from_json(value, kind, name) for value, (name, kind) in zip(values, export.type.params, strict=False)]
    except ValueFault as fault:
        raise ArgumentFault(export.signature, fault.path, fault.message) from None
    return [*given, *left_out]


def arguments(texts: Sequence[str], export: Export, read: Callable[[str], str]) -> list[Any]:
    """Arguments of the command line, in Python form; raises `ArgumentFault`.

    One text per parameter: JSON, or plain text for a string, char or enum unless it begins with a quotation mark; a
    member of an enum also where the parameter may be null.
    `@FILE` and `-` stand for the text that `read(FILE)` and `read("-")` give.
    """
    left_out = _left_out(len(texts), export)
    try:
        given = [
            _argument(text, kind, name, read) for text, (name, kind) in zip(texts, export.type.params, strict=False)
        ]
    except ValueFault as fault:
        raise ArgumentFault(export.signature, fault.path, fault.message) from None
    return [*given, *left_out]


def _left_out(given: int, export: Export) -> list[Any]:
    """The defaults of the parameters after the first `given`; raises `ArgumentFault` where there is none."""
    params = export.type.params
    if given == len(params):
        return []
    least, values = len(params), list[Any]()
    for name, kind in reversed(params):
        try:
            values.insert(0, from_json(export.defaults[name], kind, name))
        except (KeyError, ValueFault):  # Python does not look whether a default is of its parameter's type
            break
        least -= 1
    if not least <= given <= len(params):
        expected = counted(len(params)) if least == len(params) else f"{least} to {counted(len(params))}"
        raise ArgumentFault(export.signature, "", f"expected {expected}, got {given}")
    return values[given - least :]


def _argument(text: str, kind: t.Type, name: str, read: Callable[[str], str]) -> Any:
    if text == "-":
        text = read("-")
    elif text.startswith("@"):
        text = read(text[1:])
    if (isinstance(kind, t.Enum) or kind in _PLAIN_TEXT) and not text.startswith('"'):
        return from_json(text, kind, name)
    if isinstance(kind, t.Variant) and not text.lstrip().startswith(('"', "{")):
        return from_json(text, kind, name)  # a case without a payload, or the list of all cases as what was expected
    if isinstance(kind, t.Option) and isinstance(kind.inner, t.Enum) and text != "null" and text[:1] not in {'"', "["}:
        return from_json(text, kind.inner, name)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        if isinstance(kind, t.Option) and kind.inner in _PLAIN_TEXT:
            raise ValueFault(name, f"expected {t.text(kind)}: null, or text in double quotes, got {text}") from None
        where = f"line {error.lineno}, column {error.colno}" if "\n" in text else f"column {error.colno}"
        raise ValueFault(name, f"expected {t.text(kind)} as JSON: {error.msg} at {where}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, arrays within arrays within …
        raise ValueFault(name, f"expected {t.text(kind)} as JSON: {error}") from None
    return from_json(value, kind, name)


def _is_plain(kind: t.Type) -> bool:
    """Whether JSON and Python form are the same for all values of the type."""
    known = _plain.get(id(kind))
    if known is None:
        match kind:
            case t.Primitive(name):
                plain = name not in t.FLOATS
            case t.ListOf(inner):
                plain = inner != t.Primitive("u8") and _is_plain(inner)
            case t.Option(inner):
                plain = _is_plain(inner)
            case t.Tuple(parts):
                plain = all(map(_is_plain, parts))
            case t.Record(_, pairs) | t.Variant(_, pairs):
                plain = all(inner is None or _is_plain(inner) for _, inner in pairs)
            case t.Result(ok, err):
                plain = all(inner is None or _is_plain(inner) for inner in (ok, err))
            case _:
                plain = isinstance(kind, (t.Enum, t.Flags))
        known = _plain[id(kind)] = (kind, plain)  # the type is kept, so that its identity stays its own
    return known[1]


def _float_text(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _payload_type(kind: t.Variant | t.Result, case: str) -> t.Type | None:
    if isinstance(kind, t.Result):
        return kind.ok if case == "ok" else kind.err
    return dict(kind.cases)[case]


def _checked(value: Any, kind: t.Type, path: str) -> Any:
    fault = find_fault(value, kind, path, lambda *_: "")
    if fault is not None:
        raise fault
    return value


def _kebab(name: Any) -> Any:
    """The WIT name for a name that may be in snake case, as `from_`; WIT names have no underscores."""
    return name.strip("_").replace("_", "-") if isinstance(name, str) else name


def _named(name: Any, names: Sequence[str], aliases: Sequence[tuple[str, str]]) -> Any:
    """The one of the names that is meant, in snake case or as the member of a Python enum; else what was given."""
    wanted = _kebab(name)
    if not isinstance(wanted, str) or wanted in names:
        return wanted
    lower = wanted.lower()
    return lower if lower in names else dict(aliases).get(lower, name)


def _array(value: Any, kind: t.Type, path: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise ValueFault(path, f"expected an array, {t.text(kind)}, got {shown(value)}")
    return value


def _bytes(value: Any, path: str) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            _checked(item, t.Primitive("u8"), f"{path}[{i}]")
        return bytes(value)
    if not isinstance(value, dict) or list(value) != ["base64"] or not isinstance(value["base64"], str):
        raise ValueFault(path, f'expected {{"base64": "…"}} or an array of numbers, list<u8>, got {shown(value)}')
    try:
        return base64.b64decode(value["base64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueFault(f"{path}.base64", f"expected base64: {error}") from None


def _checked_fields(value: Any, kind: t.Record, path: str) -> dict[str, Any]:
    """The fields under their WIT names; missing, unknown and repeated ones are faults."""
    if not isinstance(value, dict):
        raise ValueFault(path, f"expected an object, {t.text(kind)}, got {shown(value)}")
    names = [name for name, _ in kind.fields]
    given: dict[str, Any] = {}
    for key, item in value.items():
        name = _kebab(key)
        if name not in names:
            raise ValueFault(path, f"{t.text(kind)} has no field `{key}`; it has {listed(names)}")
        if name in given:
            raise ValueFault(path, f"field `{name}` is given twice")
        given[name] = item
    given = {**dict(kind.defaults), **given}
    missing = [name for name in names if name not in given]
    if missing:
        raise ValueFault(path, f"expected {t.text(kind)}, field {listed(missing)} is missing")
    return given


def _case(value: Any, kind: t.Variant | t.Result, path: str) -> Any:
    cases = {"ok": kind.ok, "err": kind.err} if isinstance(kind, t.Result) else dict(kind.cases)
    if isinstance(value, dict) and len(value) == 1:
        ((case, payload),) = value.items()
    elif isinstance(value, str):
        case, payload = value, None
    else:
        raise ValueFault(path, f"expected a case of {t.text(kind)}, {one_of(tuple(cases))}, got {shown(value)}")
    case = _kebab(case)
    if case not in cases:
        raise ValueFault(path, f"expected {one_of(tuple(cases))}, got {shown(case)}")
    inner = cases[case]
    if inner is None:
        if payload is not None:
            raise ValueFault(f"{path}.{case}", f"expected no payload, got {shown(payload)}")
        return {case: None} if isinstance(kind, t.Result) else case
    if isinstance(value, str):
        raise ValueFault(path, f'case `{case}` has a payload: write {{"{case}": {t.text(inner)}}}')
    return {case: from_json(payload, inner, f"{path}.{case}")}


def _resource(value: Any, resource: t.Resource, path: str) -> GuestResource:
    if resource.host:
        raise ValueFault(path, f"`{resource.name}` belongs to the host and cannot be given as an argument")
    if isinstance(value, dict) and set(value) == {"resource", "id"} and type(value["id"]) is int:
        value = GuestResource(value["resource"], value["id"])
    if not isinstance(value, GuestResource) or value.name != resource.name:
        expected = f'{{"resource": "{resource.name}", "id": …}}'
        got = f"{value.name} {value.id}" if isinstance(value, GuestResource) else shown(value)
        raise ValueFault(path, f"expected {expected}, got {got}")
    return value
