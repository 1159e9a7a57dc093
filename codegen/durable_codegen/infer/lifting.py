"""Exported resources inside values: the wrapper's objects on the way in, the app's own on the way out.

componentize-py calls methods on whatever object it was given for a resource, so what it is given is the wrapper's own
class, which holds the app's object. Where a parameter or a result contains such a resource, at any depth, the wrapper
has to exchange the one for the other. The expressions for that are made here, from the types in the bindings; a record
or variant with resources in it gets a function of its own.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from durable_codegen.source.layout import call_lines
from durable_codegen.source.names import camel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from durable_codegen.source.scope import Scope
    from durable_codegen.world.stubs import StubModule, Stubs

__all__ = ["HeldClass", "Lifting"]

Direction = Literal["in", "out"]


@dataclass(frozen=True, slots=True)
class HeldClass:
    """The wrapper's class for a resource, and what it calls its parts.

    `held` is the attribute with the app's object, `holding` makes the wrapper's object for one of the app's, `held_in`
    gives the app's object for one of the wrapper's.
    """

    name: str
    held: str
    holding: str
    held_in: str


class Lifting:
    """Expressions that exchange resources in values.

    `resources` are keyed by the module and name of their class in the bindings. `used` gathers which of the functions
    of these classes the expressions call; `helpers` are the functions for records and variants, as lines.
    """

    def __init__(
        self,
        stubs: Stubs,
        resources: Mapping[tuple[str, str], HeldClass],
        scope: Scope,
        named: Callable[[str], str],
    ) -> None:
        self._stubs = stubs
        self._resources = resources
        self._scope = scope
        self._named = named
        self._names: dict[tuple[str, str, Direction], str | None] = {}
        self.used: set[tuple[str, str]] = set()
        self.helpers: list[list[str]] = []

    def value(self, node: ast.expr, module: StubModule, text: str, direction: Direction, depth: int = 0) -> str | None:
        """The expression for the value `text` of the type `node`; None if there is nothing to exchange in it."""
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._of_name(ast.unparse(node), module, text, direction)
        if not isinstance(node, ast.Subscript):
            return None
        base = ast.unparse(node.value)
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]

        def part(at: int, of: str) -> str | None:
            return self.value(inside[at], module, of, direction, depth + 1)

        if base == "List":
            name = f"item{depth or ''}"
            item = part(0, name)
            return None if item is None else f"[{item} for {name} in {text}]"
        if base == "Optional":
            present = part(0, text)
            return None if present is None else f"None if {text} is None else {present}"
        if base == "Tuple":
            parts = [part(at, f"{text}[{at}]") for at in range(len(inside))]
            if not any(parts):
                return None
            return f"({', '.join(each or f'{text}[{at}]' for at, each in enumerate(parts))})"
        last = base.rpartition(".")[2]
        if last in {"Some", "Ok", "Err"}:
            value = part(0, f"{text}.value")
            return None if value is None else f"{self._named(module.imported.get(base, base))}({value})"
        if last == "Result":
            return self._of_result(module, text, part(0, f"{text}.value"), part(1, f"{text}.value"))
        return None

    def error(self, result: str, home: StubModule, text: str) -> str | None:
        """The expression for the error `text` of a WIT `result` in the interface `home`, on the way out.

        The bindings say nothing useful of errors, so this follows the WIT: its names stand in the interface's own
        module, or in one that this imports from.
        """
        parts = _parts_of(result)
        if len(parts) < 2:
            return None
        modules = [home, *filter(None, map(self._stubs.module, dict.fromkeys(home.imported.values())))]
        for module in modules:
            if found := self.value(_python_type(parts[1]), module, text, "out"):
                return found
        return None

    def _of_name(self, dotted: str, module: StubModule, text: str, direction: Direction) -> str | None:
        found = self._stubs.resolve(dotted, module)
        if found is None:
            return None
        owner, name = found
        resource = self._resources.get((owner.name, name))
        if resource is not None:
            function = resource.held_in if direction == "in" else resource.holding
            self.used.add((resource.name, function))
            return f"{resource.name}.{function}({text})"
        helper = self._helper(owner, name, direction)
        return None if helper is None else f"{helper}({text})"

    def _helper(self, owner: StubModule, name: str, direction: Direction) -> str | None:
        """The function that exchanges what is in a record or variant; None if nothing is."""
        key = (owner.name, name, direction)
        if key not in self._names:
            self._names[key] = None
            body = (
                self._alias(owner, name, direction) if name in owner.aliases else self._record(owner, name, direction)
            )
            if body:
                local = self._names[key] = self._scope.define(f"{_snake(name)}_{direction}")
                kind = self._named(f"{owner.name}.{name}")
                way = "the app's objects" if direction == "in" else "objects of this module"
                docs = f'"""The same with {way} for resources."""'
                head = f"def {local}(value: {kind}) -> {kind}:"
                self.helpers.append([head, f"    {docs}", *(f"    {line}" for line in body)])
        return self._names[key]

    def _record(self, owner: StubModule, name: str, direction: Direction) -> list[str]:
        changed = [
            f"{field}={value}"
            for field, kind in _fields(owner.classes[name])
            if (value := self.value(kind, owner, f"value.{field}", direction)) is not None
        ]
        return call_lines(f"return {self._replace()}", ["value", *changed], 4) if changed else []

    def _alias(self, owner: StubModule, name: str, direction: Direction) -> list[str]:
        """A variant, one case after the other; or another name for some type."""
        node = owner.aliases[name]
        if not (isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Union"):
            value = self.value(node, owner, "value", direction)
            return [] if value is None else [f"return {value}"]
        lines: list[str] = []
        for case in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:
            found = self._stubs.resolve(ast.unparse(case), owner)
            if found is None or found[1] not in found[0].classes:
                continue
            for field, kind in _fields(found[0].classes[found[1]]):
                value = self.value(kind, found[0], f"value.{field}", direction)
                if value is not None:
                    spelt = self._named(f"{found[0].name}.{found[1]}")
                    change = call_lines(f"return {self._replace()}", ["value", f"{field}={value}"], 8)
                    lines += [f"if isinstance(value, {spelt}):", *(f"    {line}" for line in change)]
        return [*lines, "return value"] if lines else []

    def _replace(self) -> str:
        return self._named("dataclasses.replace")

    def _of_result(self, module: StubModule, text: str, ok: str | None, error: str | None) -> str | None:
        if ok is None and error is None:
            return None
        ok_class, error_class = (self._named(module.imported[name]) for name in ("Ok", "Err"))
        good = text if ok is None else f"{ok_class}({ok})"
        bad = text if error is None else f"{error_class}({error})"
        return f"{good} if isinstance({text}, {ok_class}) else {bad}"


def _parts_of(wit: str) -> list[str]:
    """What stands between the brackets of `result<a, list<tuple<b, c>>>`, part by part."""
    parts, depth = [""], 0
    for each in wit.partition("<")[2].removesuffix(">"):
        depth += (each == "<") - (each == ">")
        if each == "," and not depth:
            parts.append("")
        else:
            parts[-1] += each
    return [part.strip() for part in parts]


def _python_type(wit: str) -> ast.expr:
    """A WIT type as the bindings spell it; names of primitive types become ones that stand for nothing."""
    names = {"option": "Optional", "_": "None"}
    text = re.sub(r"[\w-]+", lambda name: names.get(name[0]) or camel(name[0]), wit)
    return ast.parse(text.replace("<", "[").replace(">", "]"), mode="eval").body


def _fields(node: ast.ClassDef) -> list[tuple[str, ast.expr]]:
    """The fields of a record or of a variant's case; enums, flags and resources have none."""
    return [
        (each.target.id, each.annotation)
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    ]


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).lstrip("_")
