"""Blocks `with transaction:` that stand where a transaction cannot be: found in the source, before anything runs.

Inside an atomic region or a persist-nothing zone of the same function a transaction's steps are not on record one by
one; around a `yield` nobody knows when it ends. What only a call brings together is refused when it runs.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from durable_codegen.app.usage import Usage, first_yield
from durable_codegen.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_codegen.app.modules import Module

__all__ = ["transaction_faults"]

_NOTHING = frozenset({"persist-nothing", "PERSIST_NOTHING"})


def transaction_faults(module: Module) -> Iterator[Fault]:
    """The faults of a module's transaction blocks."""
    yield from _Blocks(module).within(module.tree, [])


class _Blocks:
    def __init__(self, module: Module) -> None:
        self._usage = Usage(module)
        self._file = module.file

    def within(self, node: ast.AST, around: list[tuple[str, int]]) -> Iterator[Fault]:
        """The faults below `node`; `around` are the regions that it is in, outermost first, each with its line."""
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            around = [(word, each.lineno) for each in node.decorator_list if (word := self._closed(each))]
        elif isinstance(node, (ast.Lambda, ast.ClassDef)):
            around = []
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            around = list(around)
            for item in node.items:
                if self._usage.word(item.context_expr) == "transaction":
                    yield from self._block(node, item.context_expr.lineno, around)
                word = self._closed(item.context_expr)
                if word is not None:
                    around.append((word, item.context_expr.lineno))
        for child in ast.iter_child_nodes(node):
            yield from self.within(child, around)

    def _block(self, node: ast.With | ast.AsyncWith, line: int, around: list[tuple[str, int]]) -> Iterator[Fault]:
        if around:
            word, region = around[-1]
            what = "an atomic region" if word == "atomic" else "a persist-nothing zone"
            yield Fault(
                "DSL701",
                f"a transaction inside {what} (line {region}), where its steps are not on record one by one",
                self._file,
                line,
                hint=f"leave the region first, or put {word} on the operations inside the transaction",
            )
        at = first_yield(node.body)
        if at is not None:
            yield Fault(
                "DSL009",
                f"a transaction (line {line}) contains a yield",
                self._file,
                at,
                hint="whoever resumes the generator would decide whether the transaction ends: "
                "collect the values inside it and yield them after it",
            )

    def _closed(self, node: ast.expr) -> str | None:
        """The word of a region in which there can be no transaction, or None."""
        word = self._usage.word(node)
        if word == "persist" and isinstance(node, ast.Call):
            given: list[Any] = [*node.args, *(each.value for each in node.keywords)]
            names = {each.value if isinstance(each, ast.Constant) else getattr(each, "attr", None) for each in given}
            return word if names & _NOTHING else None
        return word if word == "atomic" else None
