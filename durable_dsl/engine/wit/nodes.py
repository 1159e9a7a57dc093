"""Values of any type as golem:rpc sends them: a tree laid out as a list of nodes, the root first.

A node says its case but no names: fields, cases and flags are meant by their position. So the type that both sides
agree on is needed to read one; it is the type of the export that is called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from durable_dsl.engine.wit import types as t
from durable_dsl.engine.wit.types import GuestResource

Node: TypeAlias = dict[str, Any]
#: How a handle's address and number are made from a resource that the callee gave out, and the other way round.
ToHandle: TypeAlias = Callable[[GuestResource], tuple[str, int]]
FromHandle: TypeAlias = Callable[[str, int, t.Resource], GuestResource]

#: golem:rpc names these two after the older names of the types; other spellings of it use the present ones.
_FLOATS = {"f32": "prim-float32", "f64": "prim-float64"}
_OTHER_FLOATS = {"prim-f32": "prim-float32", "prim-f64": "prim-float64"}


class NodeFault(ValueError):  # noqa: N818 - the caller's mistake, in the house's word
    """The nodes are no value of the type."""


def read_value(value: dict[str, Any], kind: t.Type, handle: FromHandle) -> Any:
    """The Python form of a wit-value; raises NodeFault where it is no value of `kind`."""
    return _Reader(value["nodes"], handle).read(0, kind)


def write_results(values: list[tuple[Any, t.Type]], handle: ToHandle) -> dict[str, Any]:
    """The wit-value of a function's results: a tuple of them."""
    writer = _Writer(handle)
    root = writer.reserve()
    writer.nodes[root] = {"tuple-value": [writer.write(value, kind) for value, kind in values]}
    return {"nodes": writer.nodes}


def write_value(value: Any, kind: t.Type, handle: ToHandle) -> dict[str, Any]:
    """The wit-value of a value in Python form."""
    writer = _Writer(handle)
    writer.write(value, kind)
    return {"nodes": writer.nodes}


class _Reader:
    def __init__(self, nodes: list[Node], handle: FromHandle) -> None:
        self._nodes = nodes
        self._handle = handle

    def read(self, index: int, kind: t.Type) -> Any:
        match kind:
            case t.Primitive(name):
                return self._payload(index, _FLOATS.get(name, f"prim-{name}"), kind)
            case t.ListOf(t.Primitive("u8")):
                return bytes(self.read(item, kind.element) for item in self._payload(index, "list-value", kind))
            case t.ListOf(element):
                return [self.read(item, element) for item in self._payload(index, "list-value", kind)]
            case t.Tuple(elements):
                return self._parts(index, "tuple-value", kind, elements)
            case t.Record(_, fields):
                values = self._parts(index, "record-value", kind, tuple(inner for _, inner in fields))
                return dict(zip((name for name, _ in fields), values, strict=True))
            case t.Variant(_, cases):
                number, item = self._payload(index, "variant-value", kind)
                name, inner = self._numbered(cases, number, kind)
                return self._case(name, item, inner, kind)
            case t.Enum(_, names):
                return self._numbered(names, self._payload(index, "enum-value", kind), kind)
            case t.Flags(_, names):
                return self._flags(self._payload(index, "flags-value", kind), names, kind)
            case t.Option(inner):
                item = self._payload(index, "option-value", kind)
                value = None if item is None else self.read(item, inner)
                return {"some": value} if item is not None and isinstance(inner, t.Option) else value
            case t.Result(ok, err):
                ((case, item),) = self._payload(index, "result-value", kind).items()
                inner_or_none = ok if case == "ok" else err
                if (item is None) != (inner_or_none is None):
                    raise self._fault(kind, f"{case} with{'out' if item is None else ''} a payload")
                return {case: None if inner_or_none is None else self.read(item, inner_or_none)}
            case t.Own(resource) | t.Borrow(resource):
                address, number = self._payload(index, "handle", kind)
                return self._handle(address["value"], number, resource)

    def _payload(self, index: int, expected: str, kind: t.Type) -> Any:
        if not 0 <= index < len(self._nodes):
            raise self._fault(kind, f"node {index} of {len(self._nodes)}")
        ((case, payload),) = self._nodes[index].items()
        if _OTHER_FLOATS.get(case, case) != expected:
            raise self._fault(kind, f"a {case}")
        return payload

    def _parts(self, index: int, case: str, kind: t.Type, parts: tuple[t.Type, ...]) -> list[Any]:
        items = self._payload(index, case, kind)
        if len(items) != len(parts):
            raise self._fault(kind, f"{len(items)} parts")
        return [self.read(item, part) for item, part in zip(items, parts, strict=True)]

    def _case(self, name: str, item: int | None, inner: t.Type | None, kind: t.Type) -> Any:
        if (item is None) != (inner is None):
            raise self._fault(kind, f"{name} with{'out' if item is None else ''} a payload")
        return name if item is None or inner is None else {name: self.read(item, inner)}

    def _numbered(self, choices: tuple[Any, ...], number: int, kind: t.Type) -> Any:
        if number >= len(choices):
            raise self._fault(kind, f"case {number}")
        return choices[number]

    def _flags(self, given: list[bool], names: tuple[str, ...], kind: t.Type) -> list[str]:
        if len(given) != len(names):
            raise self._fault(kind, f"{len(given)} flags")
        return [name for name, on in zip(names, given, strict=True) if on]

    @staticmethod
    def _fault(kind: t.Type, got: str) -> NodeFault:
        return NodeFault(f"expected {t.text(kind)}, got {got}")


class _Writer:
    def __init__(self, handle: ToHandle) -> None:
        self.nodes: list[Node] = []
        self._handle = handle

    def reserve(self) -> int:
        """A place for a node whose parts come after it."""
        self.nodes.append({})
        return len(self.nodes) - 1

    def write(self, value: Any, kind: t.Type) -> int:
        index = self.reserve()
        self.nodes[index] = self._node(value, kind)
        return index

    def _node(self, value: Any, kind: t.Type) -> Node:
        match kind:
            case t.Primitive(name):
                return {_FLOATS.get(name, f"prim-{name}"): value}
            case t.ListOf(element):
                return {"list-value": [self.write(item, element) for item in value]}
            case t.Tuple(elements):
                pairs = zip(value, elements, strict=True)
                return {"tuple-value": [self.write(item, inner) for item, inner in pairs]}
            case t.Record(_, fields):
                return {"record-value": [self.write(value[name], inner) for name, inner in fields]}
            case t.Variant(_, cases):
                name, payload = (value, None) if isinstance(value, str) else next(iter(value.items()))
                number = [case for case, _ in cases].index(name)
                inner = cases[number][1]
                return {"variant-value": [number, None if inner is None else self.write(payload, inner)]}
            case t.Enum(_, names):
                return {"enum-value": names.index(value)}
            case t.Flags(_, names):
                return {"flags-value": [name in value for name in names]}
            case t.Option(inner):
                if value is None:
                    return {"option-value": None}
                some = value["some"] if isinstance(inner, t.Option) else value
                return {"option-value": self.write(some, inner)}
            case t.Result(ok, err):
                case, payload = (value, None) if isinstance(value, str) else next(iter(value.items()))
                part = ok if case == "ok" else err
                return {"result-value": {case: None if part is None else self.write(payload, part)}}
            case t.Own() | t.Borrow():
                address, number = self._handle(value)
                return {"handle": [{"value": address}, number]}
