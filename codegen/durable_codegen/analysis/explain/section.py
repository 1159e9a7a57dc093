"""The explanation of a component's exports, in the component: a custom section of its own, which no engine reads."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from durable_codegen.analysis.explain.crashes import explain
from durable_codegen.analysis.reading.exports import from_build
from durable_codegen.analysis.reading.reach import Analysis
from durable_codegen.component.section import read_section

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from durable_codegen.app.modules import Module

__all__ = ["EXPLAINED", "explained", "read_explained"]

#: The name of the custom section.
EXPLAINED: Final = "durable-dsl-explained"


def explained(
    modules: Mapping[str, Module], exports: Iterable[Mapping[str, Any]], *, overlapping: bool = False
) -> bytes:
    """The section's content for the exports that a build has planned."""
    analysis = Analysis(modules)
    content = {"format": 1, "exports": explain(analysis, from_build(analysis, exports), overlapping=overlapping)}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def read_explained(component: Path) -> list[dict[str, Any]] | None:
    """What the build has written; None for a component without, or of another version. Raises NotWasm."""
    content = read_section(component, EXPLAINED)
    facts = json.loads(content) if content is not None else {}
    exports: list[dict[str, Any]] | None = facts.get("exports") if facts.get("format") == 1 else None
    return exports
