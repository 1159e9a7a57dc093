"""Annotations of the bindings, rewritten for another module: today's spelling, and names that are right there.

componentize-py writes `List[orders.Order]` and `Optional[str]`; the wrapper says `list[orders.Order]` and
`str | None`. Names of modules and classes are replaced by what the module that is written calls them.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from durable_codegen.source.expressions import literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_codegen.source.expressions import Expression
    from durable_codegen.world.stubs import StubModule

__all__ = ["TYPES_MODULE", "annotation", "in_parts", "is_none"]

#: The module of Ok, Err, Some and Result.
TYPES_MODULE: Final = "componentize_py_types"

_BUILTIN: Final = {"List": "list", "Tuple": "tuple", "Dict": "dict", "Set": "set"}
_TYPING: Final = {"Self": "typing.Self", "Any": "typing.Any", "Callable": "collections.abc.Callable"}


def annotation(node: ast.expr, module: StubModule, named: Callable[[str], str]) -> str:
    """`node`, an annotation in `module`, as source text; `named` gives the local spelling of a dotted name."""
    return ast.unparse(_Rewriter(module, named).rewritten(node))


def in_parts(text: str) -> Expression:
    """An annotation that may be broken at its brackets."""
    return _in_parts(ast.parse(text, mode="eval").body)


def _in_parts(node: ast.expr) -> Expression:
    if not isinstance(node, ast.Subscript):
        return ast.unparse(node)
    inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return literal(f"{ast.unparse(node.value)}[", [_in_parts(each) for each in inside], "]")


def is_none(node: ast.expr) -> bool:
    """Whether the annotation says that nothing is returned."""
    return isinstance(node, ast.Constant) and node.value is None


class _Rewriter:
    def __init__(self, module: StubModule, named: Callable[[str], str]) -> None:
        self._module = module
        self._named = named

    def rewritten(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Subscript):
            return self._subscript(node)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return ast.parse(self._name(ast.unparse(node)), mode="eval").body
        if isinstance(node, ast.Tuple):
            return ast.Tuple([self.rewritten(each) for each in node.elts], ast.Load())
        if isinstance(node, ast.List):
            return ast.List([self.rewritten(each) for each in node.elts], ast.Load())
        return node

    def _subscript(self, node: ast.Subscript) -> ast.expr:
        base = ast.unparse(node.value)
        if base == "Optional":
            return _either([self.rewritten(node.slice), ast.Constant(None)])
        if base == "Union":
            cases = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return _either([self.rewritten(case) for case in cases])
        return ast.Subscript(self.rewritten(node.value), self.rewritten(node.slice), ast.Load())

    def _name(self, dotted: str) -> str:
        first, _, rest = dotted.partition(".")
        if not rest and dotted in _BUILTIN:
            return _BUILTIN[dotted]
        if not rest and dotted in _TYPING:
            return self._named(_TYPING[dotted])
        if first in self._module.classes or first in self._module.aliases:
            return self._named(f"{self._module.name}.{dotted}")
        if first in self._module.imported:
            return self._named(f"{self._module.imported[first]}.{rest}".rstrip("."))
        return dotted


def _either(cases: list[ast.expr]) -> ast.expr:
    joined = cases[0]
    for case in cases[1:]:
        joined = ast.BinOp(joined, ast.BitOr(), case)
    return joined
