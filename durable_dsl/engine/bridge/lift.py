"""Generated code that reads component values: see `bridge.codegen`. Lifting never fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.engine.bridge import ffi
from durable_dsl.engine.bridge.codegen import SHIFTS, VIEWS, Namespace, Word, slug
from durable_dsl.engine.wit import types as t

if TYPE_CHECKING:
    from collections.abc import Mapping


class Lifter:
    """One function per type, made when first needed."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._functions: dict[t.Type, str] = {}

    def expression(self, kind: t.Type, at: Word) -> str:
        """An expression for the value at `at`. It may use the local names `p` and `h`."""
        match kind:
            case t.Primitive("string"):
                return f'str(U8[(p := {at.word(2)}) : p + {at.word(1)}], "utf-8")'
            case t.Primitive("char"):
                return f"chr({at.item('U32', 2)})"
            case t.Primitive(name):
                view, per_word = VIEWS[name]
                return at.item(view, per_word)
            case t.ListOf(t.Primitive("u8")):
                return f"{self._items('u8', at)}.tobytes()"
            case t.ListOf(t.Primitive(name)) if name not in {"string", "char"}:
                return f"{self._items(name, at)}.tolist()"
            case t.Own(resource) if resource.host:
                return f"h.take({at.word(1)})"
            case t.Borrow(resource) if resource.host:
                return f"h.look({at.word(1)})"
            case t.Own(resource) | t.Borrow(resource):
                return f"h.adopt({at.word(1)}, {self._namespace.constant('RESOURCE', resource)})"
            case t.Enum(_, cases):
                return f"{self._table('CASES', {case: case for case in cases})}[{self._key(cases, at)}]"
            case t.Variant(_, pairs) if not any(inner for _, inner in pairs):
                names = tuple(name for name, _ in pairs)
                return f"{self._table('CASES', {name: name for name in names})}[{self._key(names, at)}]"
        return f"{self.function(kind)}({at}, h)"

    def function(self, kind: t.Type) -> str:
        """The name of the function that lifts this type."""
        known = self._functions.get(kind)
        if known is None:
            name = f"lift_{slug(kind)}"
            known = self._namespace.define(name, "w, h", self._body(kind), f"lift {t.text(kind)}")
            self._functions[kind] = known
        return known

    def _body(self, kind: t.Type) -> list[str]:
        w = Word("w")
        match kind:
            case t.ListOf(element):
                return [
                    "values = []",
                    f"q = {w.word(2)} >> 3",
                    f"for w in range(q, q + 4 * {w.word(1)}, 4):",
                    f"    values.append({self.expression(element, w)})",
                    "return values",
                ]
            case t.Tuple(elements):
                parts = [self.expression(inner, Word("q", 4 * i)) for i, inner in enumerate(elements)]
                return [f"q = {w.word(2)} >> 3", "return [", *(f"    {part}," for part in parts), "]"]
            case t.Record(_, fields):
                first = ffi.ENTRY_WORDS - 4
                parts = [
                    f'    "{name}": {self.expression(inner, Word("q", first + ffi.ENTRY_WORDS * i))},'
                    for i, (name, inner) in enumerate(fields)
                ]
                return [f"q = {w.word(2)} >> 3", "return {", *parts, "}"]
            case t.Option(inner):
                some = self.expression(inner, Word("q"))
                if isinstance(inner, t.Option):
                    some = f'{{"some": {some}}}'
                return [f"q = {w.word(1)} >> 3", f"return {some} if q else None"]
            case t.Result(ok, err):
                return [
                    f"q = {w.word(2)} >> 3",
                    f"if {w.item('U8', 8)}:",
                    f'    return {{"ok": {"None" if ok is None else self.expression(ok, Word("q"))}}}',
                    f'return {{"err": {"None" if err is None else self.expression(err, Word("q"))}}}',
                ]
            case t.Variant(_, pairs):
                names = tuple(name for name, _ in pairs)
                cases = {
                    name: (name, None if inner is None else self._namespace.names[self.function(inner)])
                    for name, inner in pairs
                }
                return [
                    f"case, lift = {self._table('CASES', cases)}[{self._key(names, w)}]",
                    "if lift is None:",
                    "    return case",
                    "return {case: lift(U64[w + 3] >> 3, h)}",
                ]
            case t.Flags(_, names):
                flags = self._namespace.constant("FLAGS", {name.encode(): name for name in names})
                return [
                    f"q = {w.word(2)} >> 3",
                    "return [",
                    f"    {flags}[U8[(p := U64[x + 1]) : p + U64[x]].tobytes()]",
                    f"    for x in range(q, q + 2 * {w.word(1)}, 2)",
                    "]",
                ]
        return [f"return {self.expression(kind, w)}"]

    def _items(self, name: str, at: Word) -> str:
        """A strided view of the payloads of a list's elements."""
        view, per_word = VIEWS[name]
        shift = SHIFTS[per_word]
        data = f"({at.word(2)} >> {shift})" if shift else at.word(2)
        step = 4 * per_word
        return f"{view}[(p := {data} + {per_word}) : p + {step} * {at.word(1)} : {step}]"

    def _key(self, names: tuple[str, ...], at: Word) -> str:
        """What tells the cases apart, as cheaply as these names allow: their length, else a byte too, else all."""
        how = _distinction(names)
        if how == "length":
            return at.word(1)
        if isinstance(how, int):
            return f"{at.word(1)} << 8 | U8[{at.word(2)} + {how}]"
        return f"U8[(p := {at.word(2)}) : p + {at.word(1)}].tobytes()"

    def _table(self, name: str, values: Mapping[str, object]) -> str:
        how = _distinction(tuple(values))

        def key(case: str) -> object:
            data = case.encode()
            if how == "length":
                return len(data)
            return len(data) << 8 | data[how] if isinstance(how, int) else data

        return self._namespace.constant(name, {key(case): value for case, value in values.items()})


def _distinction(names: tuple[str, ...]) -> str | int:
    """ "length", the position of a byte that together with the length tells the names apart, or "all"."""
    data = [name.encode() for name in names]
    if len({len(name) for name in data}) == len(data):
        return "length"
    for position in range(min(map(len, data))):
        if len({(len(name), name[position]) for name in data}) == len(data):
            return position
    return "all"
