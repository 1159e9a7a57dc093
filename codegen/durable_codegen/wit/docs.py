"""WIT whose docs componentize-py can copy: it writes them into Python docstrings as they are.

So it is given a copy of the WIT in which what Python would read as code or as an escape is escaped. The docstrings then
say what the docs say. Nothing of the docs is part of the component.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.wit.files import BINARY
from durable_codegen.wit.toolchain import run_wasm_tools

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["docs_as_data"]

_TRIPLE = '"""'


def docs_as_data(wit: Path, into: Path) -> Path:
    """The folder to give to componentize-py for the world in the folder `wit`: `into`, where a copy is needed."""
    shutil.rmtree(into, ignore_errors=True)
    if any(path.suffix in BINARY for path in wit.rglob("*")):
        # Packages in binary form have docs too; as text they can be read.
        done = run_wasm_tools(["component", "wit", wit, f"--out-dir={into}"])
        if done.failed:
            raise BuildFailed([Fault("DSL101", "the world cannot be written as text", detail=done.stderr.strip())])
    files = sorted((into if into.exists() else wit).rglob("*.wit"))
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    changed = {file: _escaped(text) for file, text in texts.items() if _escaped(text) != text}
    if changed and not into.exists():
        shutil.copytree(wit, into)
        changed = {into / file.relative_to(wit): text for file, text in changed.items()}
    for file, text in changed.items():
        file.write_text(text, encoding="utf-8")
    return into if into.exists() else wit


def _escaped(text: str) -> str:
    """Only docs, and other comments, can hold a backslash or three quotation marks."""
    return text.replace("\\", "\\\\").replace(_TRIPLE, '\\"\\"\\"')
