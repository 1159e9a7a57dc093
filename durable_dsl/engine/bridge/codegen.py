"""Writes the Python that converts values of a WIT type: straight lines, no type looked at while it runs.

A component value of wasmtime is four words: its kind, then the payload. All generated code works on word indices
(address / 8). `lift_…(w, h)` reads the value at word `w`; `lower_…(v, w, h)` writes `v` there, over a value that owns
nothing; `h` is the instance's `Handles`, None where the type has no resources. Lowering raises any `Exception` for a
value that does not fit, and leaves at `w` something that wasmtime can free.

The source is registered with linecache, so tracebacks and debuggers show it.
"""

from __future__ import annotations

import itertools
import linecache
import re
import weakref
from array import array
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.bridge import ffi
from durable_dsl.engine.bridge.templates import Templates
from durable_dsl.engine.wit import types as t

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FunctionType

VIEWS = {
    "bool": ("BOOLS", 8),
    "s8": ("S8", 8),
    "u8": ("U8", 8),
    "s16": ("S16", 4),
    "u16": ("U16", 4),
    "s32": ("S32", 2),
    "u32": ("U32", 2),
    "s64": ("S64", 1),
    "u64": ("U64", 1),
    "f32": ("F32", 2),
    "f64": ("F64", 1),
    "char": ("U32", 2),
}
"""By primitive: the view that reads it, and its items in a word."""
SHIFTS = {8: 0, 4: 1, 2: 2, 1: 3}
"""From an address to an index of a view, by items in a word."""

_files = itertools.count(1)


def has_resources(kind: t.Type | None) -> bool:
    """Whether a value of this type may hold a handle."""
    match kind:
        case t.Own() | t.Borrow():
            return True
        case t.ListOf(inner) | t.Option(inner):
            return has_resources(inner)
        case t.Tuple(parts):
            return any(map(has_resources, parts))
        case t.Record(_, pairs) | t.Variant(_, pairs):
            return any(has_resources(inner) for _, inner in pairs)
        case t.Result(ok, err):
            return has_resources(ok) or has_resources(err)
    return False


def owns_memory(kind: t.Type) -> bool:
    """Whether a value of this type has to be freed."""
    return not isinstance(kind, t.Primitive) or kind.name == "string"


class Word:
    """A word index in generated code: a local name and a constant."""

    def __init__(self, base: str, offset: int = 0) -> None:
        self.base = base
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.base} + {self.offset}" if self.offset else self.base

    def plus(self, words: int) -> Word:
        return Word(self.base, self.offset + words)

    def item(self, view: str, per_word: int) -> str:
        """The payload, through a view with that many items in a word."""
        if per_word == 1:
            return f"{view}[{self.plus(1)}]"
        return f"{view}[{per_word} * {self.base} + {per_word * (self.offset + 1)}]"

    def word(self, number: int) -> str:
        """A word of the value: of a list the length, then the address of the elements."""
        return f"U64[{self.plus(number)}]"

    def address(self) -> str:
        return f"{self.base} << 3" if not self.offset else f"({self}) << 3"


class Namespace:
    """The globals of generated code: views, C functions, constants, and the conversions themselves."""

    def __init__(self) -> None:
        self.names: dict[str, Any] = {
            "BOOLS": ffi.BOOLS, "U8": ffi.U8, "S8": ffi.S8, "U16": ffi.U16, "S16": ffi.S16, "U32": ffi.U32,
            "S32": ffi.S32, "U64": ffi.U64, "S64": ffi.S64, "F32": ffi.F32, "F64": ffi.F64,
            "clone_value": ffi.clone_value, "new_bytes": ffi.new_bytes, "new_list": ffi.new_list,
            "new_flags": ffi.new_flags, "encode": str.encode, "array": array,
        }  # fmt: skip
        self.templates = Templates()
        self._taken: dict[str, int] = {}
        self._files: list[str] = []
        weakref.finalize(self, _forget, self._files)

    def constant(self, name: str, value: object) -> str:
        """Puts a value among the globals; returns the name it got."""
        name = self._unique(name)
        self.names[name] = value
        return name

    def define(self, name: str, params: str, body: Sequence[str], title: str) -> str:
        """Compiles a function into the globals; returns its name there."""
        unique = self._unique(name)
        self.names[unique] = self.compile(name, params, body, title)
        return unique

    def compile(self, name: str, params: str, body: Sequence[str], title: str) -> FunctionType:
        source = f"def {name}({params}):\n" + "".join(f"    {line}\n" for line in body)
        file = f"<durable_dsl {title} #{next(_files)}>"
        self._files.append(file)
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        scope: dict[str, FunctionType] = {}
        exec(compile(source, file, "exec"), self.names, scope)  # noqa: S102  (source of our own making)
        return scope[name]

    def _unique(self, name: str) -> str:
        count = self._taken[name] = self._taken.get(name, 0) + 1
        return name if count == 1 else f"{name}_{count}"


def _forget(files: list[str]) -> None:
    for file in files:
        linecache.cache.pop(file, None)


def slug(kind: t.Type) -> str:
    """An identifier that reads like the type."""
    return re.sub(r"\W+", "_", t.text(kind) if len(t.text(kind)) < 60 else type(kind).__name__.lower()).strip("_")
