"""Rewrite the pages that are made from the code: `make docs`."""

from __future__ import annotations

from pathlib import Path

from durable_codegen.catalogue import CATALOGUE

HERE = Path(__file__).parent

_PARTS = {
    "DSL0": "Marks",
    "DSL1": "WIT and targets",
    "DSL2": "The app and its world",
    "DSL3": "Dependencies and imports",
    "DSL4": "Settings and the command line",
}


def errors() -> str:
    """`errors.md`: every code that a build can report."""
    lines = [
        "# Error catalogue",
        "",
        "What a build can report. A code keeps its meaning once it is published. A build reports all that it finds in",
        "one run, with file and line; `--json` gives the same as data.",
    ]
    part = ""
    for code, entry in sorted(CATALOGUE.items()):
        if code[:4] != part:
            part = code[:4]
            lines += ["", f"## {_PARTS[part]}"]
        lines += ["", f"### {code}: {entry.title}", "", entry.text]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (HERE / "errors.md").write_text(errors(), encoding="utf-8")
