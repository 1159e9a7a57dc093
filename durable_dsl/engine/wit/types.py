"""WIT types as plain data: what a value looks like, independent of wasmtime.

Only records, variants, enums, flags and resources carry a name: wasmtime compares all other types by structure, so
an alias such as `type oplog-index = u64` cannot be told from any other `u64`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

INTEGERS = {
    "u8": (0, 2**8 - 1),
    "u16": (0, 2**16 - 1),
    "u32": (0, 2**32 - 1),
    "u64": (0, 2**64 - 1),
    "s8": (-(2**7), 2**7 - 1),
    "s16": (-(2**15), 2**15 - 1),
    "s32": (-(2**31), 2**31 - 1),
    "s64": (-(2**63), 2**63 - 1),
}
"""The integer types with their smallest and largest value."""

FLOATS = ("f32", "f64")


@dataclass(frozen=True, slots=True)
class Primitive:
    """`bool`, the integers, `f32`, `f64`, `char` and `string`, by their WIT name."""

    name: str


@dataclass(frozen=True, slots=True)
class ListOf:
    element: Type


@dataclass(frozen=True, slots=True)
class Tuple:
    elements: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Record:
    name: str | None
    fields: tuple[tuple[str, Type], ...]
    #: JSON of the fields that arguments may leave out, as of a Python dataclass with defaults.
    defaults: tuple[tuple[str, Any], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Variant:
    name: str | None
    cases: tuple[tuple[str, Type | None], ...]


@dataclass(frozen=True, slots=True)
class Enum:
    name: str | None
    cases: tuple[str, ...]
    #: Other names that arguments may have for cases, as of an aliased member of a Python Enum.
    aliases: tuple[tuple[str, str], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Flags:
    name: str | None
    names: tuple[str, ...]
    #: As of an Enum.
    aliases: tuple[tuple[str, str], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Option:
    inner: Type


@dataclass(frozen=True, slots=True)
class Result:
    ok: Type | None
    err: Type | None


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource type, under the first name it was declared by; aliases of it are the same object.

    `host` tells a resource that the host implements (an import) from one that the guest does (an export).
    """

    interface: str
    name: str
    host: bool
    index: int


@dataclass(frozen=True, slots=True)
class GuestResource:
    """A value: a resource that the guest implements and the host holds, by its WIT name ("cart") and its number."""

    name: str
    id: int


@dataclass(frozen=True, slots=True)
class Own:
    resource: Resource


@dataclass(frozen=True, slots=True)
class Borrow:
    resource: Resource


Type = Primitive | ListOf | Tuple | Record | Variant | Enum | Flags | Option | Result | Own | Borrow

BYTES = ListOf(Primitive("u8"))
"""`list<u8>`, which is `bytes` in Python."""


@dataclass(frozen=True, slots=True)
class FunctionType:
    """Parameters (name and type, `self` of methods included) and the result, if there is one."""

    params: tuple[tuple[str, Type], ...]
    result: Type | None

    def signature(self, name: str) -> str:
        """WIT-like text, such as `place(o: order) -> result<string, failure>`."""
        params = ", ".join(f"{param}: {text(kind)}" for param, kind in self.params)
        return f"{name}({params})" + ("" if self.result is None else f" -> {text(self.result)}")


def text(kind: Type) -> str:
    """The type as WIT writes it; by its name where it has one."""
    match kind:
        case Primitive(name):
            return name
        case ListOf(element):
            return f"list<{text(element)}>"
        case Tuple(elements):
            return f"tuple<{', '.join(map(text, elements))}>"
        case Option(inner):
            return f"option<{text(inner)}>"
        case Result(None, None):
            return "result"
        case Result(ok, None) if ok is not None:
            return f"result<{text(ok)}>"
        case Result(ok, err):
            return f"result<{'_' if ok is None else text(ok)}, {'_' if err is None else text(err)}>"
        case Own(resource):
            return resource.name
        case Borrow(resource):
            return f"borrow<{resource.name}>"
        case Record(name) | Variant(name) | Enum(name) | Flags(name) if name is not None:
            return name
    return _structure(kind)


def _structure(kind: Type) -> str:
    match kind:
        case Record(_, fields):
            body = ", ".join(f"{name}: {text(inner)}" for name, inner in fields)
            return f"record {{ {body} }}"
        case Variant(_, cases):
            body = ", ".join(name if inner is None else f"{name}({text(inner)})" for name, inner in cases)
            return f"variant {{ {body} }}"
        case Enum(_, names):
            return f"enum {{ {', '.join(names)} }}"
        case Flags(_, names):
            return f"flags {{ {', '.join(names)} }}"
    raise TypeError(kind)
