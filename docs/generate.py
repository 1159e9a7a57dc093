"""Rewrite the pages that are made from the code: `make docs`."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from durable_codegen.build import emit_only
from durable_codegen.catalogue import CATALOGUE
from durable_codegen.project.config import resolve

HERE = Path(__file__).parent

#: The examples whose wrappers are shown, and what to look at in each.
EXAMPLES = {
    "orders": "Several marks on one export, domain errors, and exports that are only questions.",
    "counter": "A resource: its constructor and methods are exports like any other.",
    "bank": "A world without WIT: the app's own classes, and what converts them; exceptions that are outcomes.",
    "by_hand": "The same transfer twice. The hand-written one goes through as it is, and ends its region in `finally`; "
    "the marked one ends it on the two good ways out, and on no other.",
}

_PARTS = {
    "DSL0": "Marks",
    "DSL1": "WIT and targets",
    "DSL2": "The app and its world",
    "DSL3": "Dependencies and imports",
    "DSL4": "Settings and the command line",
    "DSL5": "Findings of `durable-dsl check`",
    "DSL6": "Worlds that are inferred from type hints",
    "DSL7": "Snapshots, promises, transactions, remote calls and histories",
    "DSL9": "Mistakes of durable-dsl itself",
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


def wrappers() -> str:
    """`wrappers.md`: what the build makes of the examples."""
    lines = [
        "# Generated wrappers",
        "",
        "What `durable-dsl build --emit DIR` writes as `durable_wrapper.py` for the examples. Each mark is named where",
        "it was compiled.",
    ]
    for example, about in EXAMPLES.items():
        settings = resolve({}, environment={}, folder=HERE.parent / "examples" / example)
        with TemporaryDirectory() as folder:
            emit_only(settings, Path(folder))
            text = (Path(folder) / "durable_wrapper.py").read_text(encoding="utf-8")
        # Which version wrote it is no news here, and would change the page with every release.
        text = re.sub(r"(durable-dsl) \d\S*\d", r"\1", text)
        lines += ["", f"## {example}", "", f"{about} The app is in `examples/{example}`.", ""]
        lines += ["```python", text.rstrip("\n"), "```"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (HERE / "wrappers.md").write_text(wrappers(), encoding="utf-8")
    (HERE / "errors.md").write_text(errors(), encoding="utf-8")
