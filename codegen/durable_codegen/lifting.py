"""Exported resources inside values: the wrapper's objects on the way in, the app's own on the way out.

componentize-py calls methods on whatever object it was given for a resource, so what it is given is the wrapper's own
class, which holds the app's object. Where a parameter or a result contains such a resource, at any depth, the wrapper
has to exchange the one for the other; the expressions for that are made here, from the types in the bindings.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from durable_codegen.stubs import StubModule, Stubs

__all__ = ["Lifting"]

Direction = Literal["in", "out"]


class Lifting:
    """Expressions that exchange resources in values.

    `resources` maps the module and name of a resource's class in the bindings to the wrapper's class for it; `named`
    gives the local spelling of a dotted name (and notes that it is needed).
    """

    def __init__(
        self, stubs: Stubs, resources: Mapping[tuple[str, str], tuple[str, str, str]], named: Callable[[str], str]
    ) -> None:
        self._stubs = stubs
        self._resources = resources
        self._named = named

    @property
    def class_names(self) -> frozenset[str]:
        """The wrapper's classes for resources."""
        return frozenset(name for name, _, _ in self._resources.values())

    def value(self, node: ast.expr, module: StubModule, text: str, direction: Direction, depth: int = 0) -> str | None:
        """The expression for the value `text` of the type `node`; None if there is nothing to exchange in it."""
        if isinstance(node, ast.Name) and node.id == "Self":
            return None
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._of_name(ast.unparse(node), module, text, direction, depth)
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
        if base == "Union":
            return self._of_cases([(each, module) for each in inside], text, direction, depth)
        if base.rpartition(".")[2] in {"Some", "Ok", "Err"}:
            return self._wrapped(base, module, part(0, f"{text}.value"))
        if base.rpartition(".")[2] == "Result":
            return self._of_result(module, text, part(0, f"{text}.value"), part(1, f"{text}.value"))
        return None

    def _of_name(self, dotted: str, module: StubModule, text: str, direction: Direction, depth: int) -> str | None:
        found = self._stubs.resolve(dotted, module)
        if found is None:
            return None
        owner, name = found
        resource = self._resources.get((owner.name, name))
        if resource is not None:
            class_name, held, holding = resource
            return f"{text}.{held}" if direction == "in" else f"{class_name}.{holding}({text})"
        if name in owner.aliases:
            return self.value(owner.aliases[name], owner, text, direction, depth)
        fields = _fields(owner.classes[name])
        changed = [
            (field, value)
            for field, kind in fields
            if (value := self.value(kind, owner, f"{text}.{field}", direction, depth + 1)) is not None
        ]
        if not changed:
            return None
        replace = self._named("dataclasses.replace")
        return f"{replace}({text}, {', '.join(f'{field}={value}' for field, value in changed)})"

    def _of_cases(
        self, cases: list[tuple[ast.expr, StubModule]], text: str, direction: Direction, depth: int
    ) -> str | None:
        chain = text
        for node, module in reversed(cases):
            value = self.value(node, module, text, direction, depth + 1)
            if value is not None:
                found = self._stubs.resolve(ast.unparse(node), module)
                assert found is not None, "a case with a resource in it is a class of the bindings"
                chain = f"{value} if isinstance({text}, {self._named(f'{found[0].name}.{found[1]}')}) else {chain}"
        return None if chain == text else chain

    def _wrapped(self, base: str, module: StubModule, value: str | None) -> str | None:
        if value is None:
            return None
        return f"{self._named(module.imported.get(base, base))}({value})"

    def _of_result(self, module: StubModule, text: str, ok: str | None, error: str | None) -> str | None:
        if ok is None and error is None:
            return None
        ok_class, error_class = (self._named(module.imported[name]) for name in ("Ok", "Err"))
        good = text if ok is None else f"{ok_class}({ok})"
        bad = text if error is None else f"{error_class}({error})"
        return f"{good} if isinstance({text}, {ok_class}) else {bad}"


def _fields(node: ast.ClassDef) -> list[tuple[str, ast.expr]]:
    """The fields of a record or of a variant's case; enums, flags and resources have none."""
    return [
        (each.target.id, each.annotation)
        for each in node.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    ]
