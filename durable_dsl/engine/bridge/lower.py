"""Generated code that writes component values: see `bridge.codegen`.

A value's kind is written after its payload, so that what is there can be freed at any moment: an exception (or a
signal) in between loses memory at worst.
"""

from __future__ import annotations

from durable_dsl.engine.bridge import ffi
from durable_dsl.engine.bridge.codegen import SHIFTS, VIEWS, Namespace, Word, slug
from durable_dsl.engine.wit import types as t

_MISFIT = "    raise TypeError"
_ARRAYS = {
    "s8": "b", "s16": "h", "u16": "H", "s32": "i", "u32": "I", "s64": "q", "u64": "Q", "f32": "f", "f64": "d",
}  # fmt: skip
"""The array type that holds a list of such numbers as wasmtime does, and refuses what is out of range."""


class Lowerer:
    """One function per type, made when first needed."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace
        self._functions: dict[t.Type, str] = {}

    def statements(self, kind: t.Type, at: Word, value: str = "v") -> list[str]:
        """Statements that write the local `value` to `at`. They may use the local names `data` and `h`."""
        match kind:
            case t.Primitive("string"):
                return [
                    f"data = encode({value})",
                    f"new_bytes({_payload(at)}, len(data), data)",
                    f"U64[{at}] = {ffi.KINDS['string']}",
                ]
            case t.Primitive("char"):
                return [
                    f"encode({value})  # refuses lone surrogates, which wasmtime would not survive",
                    f"{at.item('U32', 2)} = ord({value})",
                    f"U64[{at}] = {ffi.KINDS['char']}",
                ]
            case t.Primitive(name):
                view, per_word = VIEWS[name]
                wrong = f"type({value}) is not {'bool' if name == 'bool' else 'int'}"
                if name in t.FLOATS:
                    wrong = f"type({value}) is not float and {wrong}"
                return [
                    f"if {wrong}:",
                    _MISFIT,
                    f"{at.item(view, per_word)} = {value}",
                    f"U64[{at}] = {ffi.KINDS[name]}",
                ]
            case t.Enum(_, cases):
                return [f"clone_value({self._enum(cases)}[{value}], {at.address()})"]
            case t.Variant(_, pairs) if not any(inner for _, inner in pairs):
                return [f"clone_value({self._plain(pairs)}[{value}], {at.address()})"]
            case t.Own(resource) | t.Borrow(resource):
                own = isinstance(kind, t.Own)
                if resource.host:
                    return [f"h.{'give' if own else 'lend'}({value}, {at}, {resource.index})"]
                constant = self._namespace.constant("RESOURCE", resource)
                return [f"h.pass_on({value}, {at}, {constant}, own={own})"]
        return [f"{self.function(kind)}({value}, {at}, h)"]

    def function(self, kind: t.Type) -> str:
        """The name of the function that lowers this type."""
        known = self._functions.get(kind)
        if known is None:
            name = f"lower_{slug(kind)}"
            known = self._namespace.define(name, "v, w, h", self._body(kind), f"lower {t.text(kind)}")
            self._functions[kind] = known
        return known

    def _body(self, kind: t.Type) -> list[str]:
        w = Word("w")
        templates = self._namespace.templates
        match kind:
            case t.ListOf(t.Primitive("u8")):
                return [
                    "if type(v) is not bytes:",
                    "    if not isinstance(v, (bytearray, memoryview)):",
                    "        raise TypeError",
                    "    v = bytes(v)",
                    *self._fill("u8", "v"),
                ]
            case t.ListOf(t.Primitive(name)) if name in _ARRAYS:
                return [
                    "if not isinstance(v, (list, tuple)) or not set(map(type, v)) <= "
                    + ("{int, float}:" if name in t.FLOATS else "{int}:"),
                    _MISFIT,
                    f'data = array("{_ARRAYS[name]}", v)',
                    *self._fill(name, "data"),
                ]
            case t.ListOf(element):
                return [
                    "if not isinstance(v, (list, tuple)):",
                    _MISFIT,
                    "n = len(v)",
                    "new_list((w << 3) + 8, n)",
                    "p = U64[w + 2]",
                    f"U8[p : p + {ffi.VAL_SIZE} * n] = bytes({ffi.VAL_SIZE} * n)",
                    f"U64[w] = {ffi.LIST}",
                    "q = p >> 3",
                    "for w, v in zip(range(q, q + 4 * n, 4), v):",  # never beyond n, should another thread append
                    *_indented(self.statements(element, w)),
                ]
            case t.Tuple(elements):
                body = [
                    f"if not isinstance(v, (list, tuple)) or len(v) != {len(elements)}:",
                    _MISFIT,
                    f"clone_value({templates.tuple_of(len(elements))}, w << 3)",
                    "q = U64[w + 2] >> 3",
                ]
                for i, inner in enumerate(elements):
                    body += [f"x = v[{i}]", *self.statements(inner, Word("q", 4 * i), "x")]
                return body
            case t.Record(_, fields):
                names = tuple(name for name, _ in fields)
                body = [
                    f"if not isinstance(v, dict) or len(v) != {len(fields)}:",
                    _MISFIT,
                    f"clone_value({templates.record(names)}, w << 3)",
                    "q = U64[w + 2] >> 3",
                ]
                for i, (name, inner) in enumerate(fields):
                    at = Word("q", ffi.ENTRY_WORDS * i + ffi.ENTRY_WORDS - 4)
                    body += [f'x = v["{name}"]', *self.statements(inner, at, "x")]
                return body
            case t.Option(inner):
                nested = isinstance(inner, t.Option)
                unwrap = [
                    "if not isinstance(v, dict) or len(v) != 1:",
                    _MISFIT,
                    'v = v["some"]',
                ]  # fmt: skip
                return [
                    "if v is None:",
                    "    U64[w + 1] = 0",
                    f"    U64[w] = {ffi.OPTION}",
                    "    return",
                    *(unwrap if nested else ()),
                    f"clone_value({templates.some()}, w << 3)",
                    "w = U64[w + 1] >> 3",
                    *self.statements(inner, w),
                ]
            case t.Result(ok, err):
                return [
                    "if not isinstance(v, dict) or len(v) != 1:",
                    _MISFIT,
                    'if "ok" in v:',
                    *_indented(self._arm(ok, "ok")),
                    "else:",
                    *_indented(self._arm(err, "err")),
                ]
            case t.Variant(_, pairs):
                plain = tuple((name, inner) for name, inner in pairs if inner is None)
                cases = {
                    name: (templates.variant(name, payload=True), self._namespace.names[self.function(inner)])
                    for name, inner in pairs
                    if inner is not None
                }
                return [
                    "if isinstance(v, str):",
                    f"    clone_value({self._plain(plain)}[v], w << 3)",
                    "    return",
                    "if not isinstance(v, dict):",
                    _MISFIT,
                    "((case, v),) = v.items()",
                    f"template, lower = {self._namespace.constant('CASES', cases)}[case]",
                    "clone_value(template, w << 3)",
                    "lower(v, U64[w + 3] >> 3, h)",
                ]
            case t.Flags(_, names):
                flags = self._namespace.constant("FLAGS", {name: name.encode() for name in names})
                return [
                    "if not isinstance(v, (list, tuple)) or len(set(v)) != len(v):",
                    _MISFIT,
                    f"names = [{flags}[name] for name in v]",
                    "n = len(names)",
                    "new_flags((w << 3) + 8, n)",
                    "p = U64[w + 2]",
                    "U8[p : p + 16 * n] = bytes(16 * n)",
                    f"U64[w] = {ffi.FLAGS}",
                    "for name in names:",
                    "    new_bytes(p, len(name), name)",
                    "    p += 16",
                ]
        return self.statements(kind, w)

    def _arm(self, kind: t.Type | None, tag: str) -> list[str]:
        template = self._namespace.templates.result(ok=tag == "ok", payload=kind is not None)
        if kind is None:
            return [f'if v["{tag}"] is not None:', _MISFIT, f"clone_value({template}, w << 3)"]
        return [
            f'v = v["{tag}"]',
            f"clone_value({template}, w << 3)",
            "w = U64[w + 2] >> 3",
            *self.statements(kind, Word("w")),
        ]

    def _fill(self, name: str, data: str) -> list[str]:
        """Fills a new list at `w` from a buffer of numbers: two strided copies, whatever its length."""
        view, per_word = VIEWS[name]
        step, shift = 4 * per_word, SHIFTS[per_word]
        start = f"(p >> {shift}) + {per_word}" if shift else f"p + {per_word}"
        return [
            f"n = len({data})",
            "new_list((w << 3) + 8, n)",
            "p = U64[w + 2]",
            f"U8[p : p + {ffi.VAL_SIZE} * n : {ffi.VAL_SIZE}] = {bytes((ffi.KINDS[name],))!r} * n",
            f"q = {start}",
            f"{view}[q : q + {step} * n : {step}] = {data}",
            f"U64[w] = {ffi.LIST}",
        ]

    def _enum(self, cases: tuple[str, ...]) -> str:
        templates = self._namespace.templates
        return self._namespace.constant("CASES", {case: templates.enum(case) for case in cases})

    def _plain(self, pairs: tuple[tuple[str, t.Type | None], ...]) -> str:
        """The templates of a variant's cases without payload."""
        templates = self._namespace.templates
        return self._namespace.constant("CASES", {name: templates.variant(name, payload=False) for name, _ in pairs})


def _payload(at: Word) -> str:
    """The address of the payload of the value at `at`."""
    return f"({at.plus(1)}) << 3"


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]
