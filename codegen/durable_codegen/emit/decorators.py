"""The decorators of the app as their author wrote them, for the comments of the wrapper."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_codegen.app.modules import Module
    from durable_codegen.discovery.scan import MarkRecord

__all__ = ["Decorators"]


class Decorators:
    """The decorators of the app's functions as text, found by file and line."""

    def __init__(self, sources: Mapping[str, Module]) -> None:
        self._texts: dict[tuple[str, int], str] = {}
        for module in sources.values():
            lines = module.source_lines
            for node in ast.walk(module.tree):
                for each in getattr(node, "decorator_list", ()):
                    # As it was written, if it fits on a line.
                    whole = each.lineno == each.end_lineno
                    text = lines[each.lineno - 1].strip() if whole else f"@{ast.unparse(each)}"
                    self._texts[module.file, each.lineno] = text.partition("  #")[0]

    def text(self, mark: MarkRecord) -> str:
        """The decorator as the user wrote it, on one line."""
        return self._texts.get((mark.file, mark.line), f"@{mark.word}")
