"""Between the bindings' values and the app's own classes: the expressions and functions that a wrapper converts with.

For an inferred world only. On the way in the bindings' records become the app's dataclasses, made by their `__init__`
with keywords; on the way out they are taken apart again, and every number and text is looked at, so that what does not
fit is an exception that names the field. Straight-line code from the shapes; nothing is looked up when it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from durable_codegen.infer.shapes import (
    Bytes,
    DictOf,
    Enumeration,
    FlagSet,
    ListOf,
    Named,
    OptionOf,
    Primitive,
    Record,
    Resource,
    TupleOf,
    Variant,
)
from durable_codegen.source.expressions import Expression, Group, Unless, call, comprehension, flat, laid_out, literal
from durable_codegen.source.literals import quoted
from durable_codegen.source.names import camel, python_name, snake

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from durable_codegen.infer.lifting import HeldClass
    from durable_codegen.infer.shapes import PyClass, Shapes, Type
    from durable_codegen.infer.world import InferredFunction, InferredParam
    from durable_codegen.source.scope import Scope

__all__ = ["Conversion"]

Direction = Literal["in", "out"]

_CHECKS = "durable_dsl.binding.crossing"
_CHECK = {"string": "text", "bool": "boolean", "f32": "number", "f64": "number"}
_PYTHON = {"string": "str", "char": "str", "bool": "bool", "f32": "float", "f64": "float"}


class Conversion:
    """Writes conversions, and gathers what the module has to define for them.

    `bound` gives the local spelling of a class in the bindings of the interface, `owned` that of a class of the app;
    `held` are the wrapper's classes for resources, by key. `tables` and `helpers` are lines for the module, `used` says
    which functions of the classes for resources are called.
    """

    def __init__(
        self,
        shapes: Shapes,
        scope: Scope,
        bound: Callable[[str], str],
        owned: Callable[[str, str], str],
        held: Mapping[str, HeldClass],
    ) -> None:
        self._shapes = shapes
        self._scope = scope
        self._bound = bound
        self._owned = owned
        self._held = held
        self._functions: dict[tuple[str, Direction], str] = {}
        self.tables: list[list[str]] = []
        self.helpers: list[list[str]] = []
        self.used: set[tuple[str, str]] = set()

    def argument(self, parameter: InferredParam, name: str) -> Expression:
        """The app's value for a parameter that the wrapper has as `name`."""
        value = self._in(parameter.type, name)
        return _prefixed(f"{parameter.python}=", value) if parameter.keyword else value

    def result(self, function: InferredFunction, shown: str, name: str) -> Expression | None:
        """The bindings' value for what the app gave back; None if nothing does."""
        return None if function.result is None else self._out(function.result, name, f"the result of {shown}")

    def error(self, function: InferredFunction, name: str) -> Expression:
        """The bindings' value for a domain error."""
        if len(function.errors) > 1 and function.error is not None:
            return self._out(function.error, name, "the error")
        python, payload = next(iter(function.errors))
        if payload is None:
            return "None"
        if payload == Primitive("string"):
            return self._check("text", f"str({name})", f"the text of {python.qualname}")
        return self._out(payload, name, "the error")

    def error_classes(self, function: InferredFunction) -> list[str]:
        """The exception classes of `raises=`, as the wrapper spells them."""
        return [self._class(python) for python, _ in function.errors]

    def _in(self, kind: Type, text: str, depth: int = 0) -> Expression:
        match kind:
            case Primitive() | Bytes():
                return text
            case ListOf(item, is_tuple):
                name = f"item{depth or ''}"
                inside = self._in(item, name, depth + 1)
                if inside == name:
                    return f"tuple({text})" if is_tuple else text
                clause = f"for {name} in {text}"
                return comprehension("tuple(" if is_tuple else "[", inside, clause, ")" if is_tuple else "]")
            case TupleOf(items):
                parts = [self._in(each, f"{text}[{at}]", depth) for at, each in enumerate(items)]
                same = all(part == f"{text}[{at}]" for at, part in enumerate(parts))
                return text if same else _tuple(parts)
            case DictOf(value):
                name = f"item{depth or ''}"
                inside = self._in(value, name, depth + 1)
                if inside == name:
                    return f"dict({text})"
                key = f"key{depth or ''}"
                return comprehension("{", _prefixed(f"{key}: ", inside), f"for {key}, {name} in {text}", "}")
            case OptionOf(item):
                inside = self._in(item, text, depth)
                return text if inside == text else Unless(text, inside)
            case Named(key):
                return self._named_in(key, text)

    def _named_in(self, key: str, text: str) -> Expression:
        shape = self._shapes.table[key]
        if isinstance(shape, Resource):
            held = self._held[key]
            self.used.add((held.name, held.held_in))
            return f"{held.name}.{held.held_in}({text})"
        if isinstance(shape, Enumeration):
            return f"{self._table(key, shape, 'in')}[{text}]"
        return call(self._function(key, "in"), [text])

    def _out(self, kind: Type, text: str, what: str, depth: int = 0) -> Expression:
        match kind:
            case Primitive(wit):
                return self._check(_CHECK.get(wit, wit), text, what)
            case Bytes():
                return self._check("data", text, what)
            case ListOf(item):
                name = f"item{depth or ''}"
                inside = self._out(item, name, f"an item of {what}", depth + 1)
                return comprehension("[", inside, _prefixed(f"for {name} in ", self._check("items", text, what)), "]")
            case TupleOf(inside):
                check = self._scope.object(_CHECKS, "parts")
                first = f"{check}({text}, {len(inside)}, {quoted(what)})"
                names = [f"{text if at else first}[{at}]" for at in range(len(inside))]
                return _tuple([self._out(each, names[at], what, depth) for at, each in enumerate(inside)])
            case DictOf(value):
                key, name = f"key{depth or ''}", f"item{depth or ''}"
                pair = _tuple(
                    [
                        self._check("text", key, f"a key of {what}"),
                        self._out(value, name, f"a value of {what}", depth + 1),
                    ]
                )
                return comprehension(
                    "[", pair, _prefixed(f"for {key}, {name} in ", self._check("pairs", text, what)), "]"
                )
            case OptionOf(item):
                return Unless(text, self._out(item, text, what, depth))
            case Named(key):
                return self._named_out(key, text, what)

    def _named_out(self, key: str, text: str, what: str) -> Expression:
        shape = self._shapes.table[key]
        if isinstance(shape, Resource):
            held = self._held[key]
            self.used.add((held.name, held.holding))
            return f"{held.name}.{held.holding}({text})"
        if isinstance(shape, Enumeration):
            member = self._scope.object(_CHECKS, "member")
            wanted = shape.python.qualname
            return call(member, [self._table(key, shape, "out"), text, quoted(wanted), quoted(what)])
        return call(self._function(key, "out"), [text, quoted(what)])

    def _check(self, name: str, text: str, what: str) -> Group:
        return call(self._scope.object(_CHECKS, name), [text, quoted(what)])

    def _table(self, key: str, shape: Enumeration, direction: Direction) -> str:
        """The table from members to members."""
        if (key, direction) not in self._functions:
            name = self._scope.define(f"{snake(self._shapes.names[key])}_{direction}".upper())
            self._functions[key, direction] = name
            bound, owned = self._bound(camel(self._shapes.names[key])), self._class(shape.python)
            pairs = [(f"{bound}.{_upper(wit)}", f"{owned}.{python}") for python, wit in shape.members]
            lines = [f"{a}: {b}" if direction == "in" else f"{b}: {a}" for a, b in pairs]
            self.tables.append(laid_out(literal("{", lines, "}"), 0, f"{name} = "))
        return self._functions[key, direction]

    def _function(self, key: str, direction: Direction) -> str:
        """The function that converts a record, flags or a variant."""
        if (key, direction) not in self._functions:
            wit = self._shapes.names[key]
            name = self._functions[key, direction] = self._scope.define(f"{python_name(wit)}_{direction}")
            shape = self._shapes.table[key]
            bound, owned = self._bound(camel(wit)), self._annotation(Named(key))
            if direction == "in":
                body, docs = self._body_in(shape, bound), f"{_title(key)} as the app has it."
                head = call(f"def {name}", [f"value: {bound}"])
                lines = laid_out(head, 0, "", f" -> {owned}:")
            else:
                body, docs = self._body_out(shape, bound), f"{_title(key)} as the bindings have it."
                head = call(f"def {name}", [f"value: {owned}", "what: str"])
                lines = laid_out(head, 0, "", f" -> {bound}:")
            self.helpers.append([*lines, f'    """{docs}"""', *(f"    {line}" if line else "" for line in body)])
        return self._functions[key, direction]

    def _body_in(self, shape: object, bound: str) -> list[str]:
        match shape:
            case Record(python=python, fields=fields):
                given = [
                    _prefixed(f"{each.python}=", self._in(each.type, f"value.{python_name(each.wit)}"))
                    for each in fields
                ]
                return laid_out(call(self._class(python), given), 4, "return ")
            case FlagSet(python=python, members=members):
                owned = self._class(python)
                lines = [f"found = {owned}(0)"]
                for name, wit in members:
                    lines += [f"if {bound}.{_upper(wit)} in value:", f"    found |= {owned}.{name}"]
                return [*lines, "return found"]
            case Variant(cases=cases):
                lines = []
                for each in cases[:-1]:
                    made = self._case_in(each.python, each.payload)
                    lines += [f"if isinstance(value, {bound}_{_case(each.wit)}):", *_inside(made)]
                last = cases[-1]
                return [*lines, *laid_out(self._case_in(last.python, last.payload), 4, "return ")]
        raise AssertionError(shape)

    def _case_in(self, python: PyClass, payload: Type | None) -> Expression:
        return f"{self._class(python)}()" if payload is None else self._in(payload, "value.value")

    def _body_out(self, shape: object, bound: str) -> list[str]:
        refuse = self._scope.object(_CHECKS, "refuse")
        match shape:
            case Record(python=python, fields=fields):
                given = [
                    _prefixed(
                        f"{python_name(each.wit)}=",
                        self._out(each.type, f"value.{each.python}", f"{python.qualname}.{each.python}"),
                    )
                    for each in fields
                ]
                wrong = [
                    f"if not isinstance(value, {self._class(python)}):",
                    f"    {refuse}(value, {quoted(python.qualname)}, what)",
                ]
                return [*wrong, *laid_out(call(bound, given), 4, "return ")]
            case FlagSet(python=python, members=members):
                owned = self._class(python)
                lines = [f"if not isinstance(value, {owned}):"]
                lines += [f"    {refuse}(value, {quoted(python.qualname)}, what)", f"found = {bound}(0)"]
                for name, wit in members:
                    lines += [f"if {owned}.{name} in value:", f"    found |= {bound}.{_upper(wit)}"]
                return [*lines, "return found"]
            case Variant(cases=cases, tests=tests):
                lines = []
                for each in (cases[at] for at in tests):
                    made = call(f"{bound}_{_case(each.wit)}", self._payload_out(each.python, each.payload))
                    lines += [f"if isinstance(value, {self._class(each.python)}):", *_inside(made)]
                names = " or ".join(each.python.qualname for each in cases)
                return [*lines, *laid_out(call(refuse, ["value", quoted(names), "what"]), 4)]
        raise AssertionError(shape)

    def _payload_out(self, python: PyClass, payload: Type | None) -> list[Expression]:
        if payload is None:
            return []
        if payload == Primitive("string"):
            return [self._check("text", "str(value)", f"the text of {python.qualname}")]
        return (
            [self._out(payload, "value", "what")]
            if not isinstance(payload, Named)
            else [call(self._function(payload.key, "out"), ["value", "what"])]
        )

    def _class(self, python: PyClass) -> str:
        return self._owned(python.module, python.qualname)

    def _annotation(self, kind: Type) -> str:
        """A type as the app's annotations spell it."""
        match kind:
            case Primitive(wit):
                return _PYTHON.get(wit, "int")
            case Bytes():
                return "bytes"
            case ListOf(item, is_tuple):
                return f"tuple[{self._annotation(item)}, ...]" if is_tuple else f"list[{self._annotation(item)}]"
            case TupleOf(items):
                return f"tuple[{', '.join(map(self._annotation, items))}]"
            case DictOf(value):
                return f"dict[str, {self._annotation(value)}]"
            case OptionOf(item):
                return f"{self._annotation(item)} | None"
            case Named(key):
                shape = self._shapes.table[key]
                if isinstance(shape, Variant):
                    return " | ".join(self._class(each.python) + self._arguments(each.python) for each in shape.cases)
                return self._class(shape.python) + self._arguments(shape.python)

    def _arguments(self, python: PyClass) -> str:
        return f"[{', '.join(map(self._annotation, python.arguments))}]" if python.arguments else ""


def _tuple(parts: list[Expression]) -> Group:
    return literal("(", parts, ")")


def _prefixed(before: str, value: Expression) -> Expression:
    if not isinstance(value, Group):
        return f"{before}{flat(value)}"
    return Group(f"{before}{value.before}", value.parts, value.after, value.separator, value.whole)


def _inside(made: Expression) -> list[str]:
    """A return statement below an `if` in a function."""
    return [f"    {line}" for line in laid_out(made, 8, "return ")]


def _upper(wit: str) -> str:
    return snake(wit).upper()


def _case(wit: str) -> str:
    """A case as the bindings spell it behind its variant's name."""
    return "".join(word.capitalize() for word in wit.split("-"))


def _title(key: str) -> str:
    """What a docstring calls a type."""
    return key.partition("[")[0].rpartition(":")[2] if "|" not in key else "The case"
