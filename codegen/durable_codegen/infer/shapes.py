"""What crosses the border of an inferred world: WIT types, each with the Python type that stands for it in the app.

A type that has a name of its own in WIT (record, enum, flags, variant, resource) is a `Named` with a key; what it
consists of stands in a `Shapes` table, so that a type can be spoken of before all names are known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from durable_codegen.source.names import wit_name

__all__ = [
    "Bytes",
    "Case",
    "DictOf",
    "Enumeration",
    "Field",
    "FlagSet",
    "ListOf",
    "Named",
    "OptionOf",
    "Primitive",
    "PyClass",
    "Record",
    "Resource",
    "Shape",
    "Shapes",
    "TupleOf",
    "Type",
    "Variant",
]


@dataclass(frozen=True, slots=True)
class Primitive:
    """`s64`, `string` and the like, by their WIT names."""

    wit: str


@dataclass(frozen=True, slots=True)
class Bytes:
    """`list<u8>`."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """`list<…>`: in Python a list, or a tuple of any length."""

    item: Type
    is_tuple: bool = False


@dataclass(frozen=True, slots=True)
class TupleOf:
    items: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class DictOf:
    """`list<tuple<string, …>>`."""

    value: Type


@dataclass(frozen=True, slots=True)
class OptionOf:
    item: Type


@dataclass(frozen=True, slots=True)
class Named:
    """A type of the table."""

    key: str


Type: TypeAlias = Primitive | Bytes | ListOf | TupleOf | DictOf | OptionOf | Named


@dataclass(frozen=True, slots=True)
class PyClass:
    """A class of the app; `arguments` are those of a generic one."""

    module: str
    qualname: str
    arguments: tuple[Type, ...] = ()


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record: its name in the app's class, in WIT, and its type; `default` is as in `Parameter`."""

    python: str
    wit: str
    type: Type
    default: tuple[Any, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Record:
    """A dataclass."""

    python: PyClass
    fields: tuple[Field, ...]
    docs: str


@dataclass(frozen=True, slots=True)
class Enumeration:
    """An Enum: names of the members in Python and in WIT; `aliases` are other names in WIT, and what they mean."""

    python: PyClass
    members: tuple[tuple[str, str], ...]
    docs: str
    aliases: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FlagSet:
    """A Flag: names of the single bits in Python and in WIT, and aliases as of an Enum."""

    python: PyClass
    members: tuple[tuple[str, str], ...]
    docs: str
    aliases: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """A case of a variant: the class that stands for it, and its payload (None: a class without fields)."""

    wit: str
    python: PyClass
    payload: Type | None


@dataclass(frozen=True, slots=True)
class Variant:
    """A union of classes; `tests` are the positions of its cases with subclasses before their bases."""

    cases: tuple[Case, ...]
    tests: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """An exported class."""

    python: PyClass
    docs: str


Shape: TypeAlias = Record | Enumeration | FlagSet | Variant | Resource


@dataclass
class Shapes:
    """The named types by key, in the order in which they were found, and what WIT calls them."""

    table: dict[str, Shape] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def wit(self, kind: Type, *, borrowed: bool = False) -> str:
        """A type as WIT writes it; a resource that is only `borrowed` stays the caller's."""
        match kind:
            case Primitive(wit):
                return wit
            case Bytes():
                return "list<u8>"
            case ListOf(item):
                return f"list<{self.wit(item, borrowed=borrowed)}>"
            case TupleOf(items):
                return f"tuple<{', '.join(self.wit(each, borrowed=borrowed) for each in items)}>"
            case DictOf(value):
                return f"list<tuple<string, {self.wit(value, borrowed=borrowed)}>>"
            case OptionOf(item):
                return f"option<{self.wit(item, borrowed=borrowed)}>"
            case Named(key):
                name = wit_name(self.names[key])
                return f"borrow<{name}>" if borrowed and isinstance(self.table[key], Resource) else name
