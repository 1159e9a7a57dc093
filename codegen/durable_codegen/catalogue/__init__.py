"""The faults that a build can report: a stable code each, with a title and a paragraph for the docs.

A code, once published, keeps its meaning. DSL0xx is about marks, DSL1xx about WIT and target, DSL2xx about
the app against its world, DSL3xx about dependencies and imports, DSL4xx about settings and the command line;
DSL5xx are findings of `check`, DSL6xx about worlds that are inferred, DSL7xx about transactions, snapshots, promises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_codegen.catalogue.building import BUILDING
from durable_codegen.catalogue.code_first import CODE_FIRST
from durable_codegen.catalogue.entry import Entry
from durable_codegen.catalogue.findings import FINDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CATALOGUE", "Entry"]

CATALOGUE: Mapping[str, Entry] = {
    **BUILDING,
    **{code: Entry(title, text) for code, (title, text) in FINDINGS.items()},
    **CODE_FIRST,
}
