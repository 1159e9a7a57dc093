"""Building: against componentize-py alone, and again without a change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from benchmarks.building import COMMAND, HERE
from benchmarks.rounds import ratio, row, seconds

EXAMPLE = HERE.parent / "examples" / "counter"
ROUNDS = 7


def measure() -> list[dict[str, object]]:
    """The rows: a ratio, and seconds for the cached build."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "counter"
        shutil.copytree(EXAMPLE, project)
        environment = {**os.environ, "VIRTUAL_ENV": str(Path(folder) / "empty")}
        alone = [str(Path(sysconfig.get_path("scripts")) / "componentize-py"), "-d", "wit", "-w", "counters"]
        alone += ["componentize", "counter_alone", "-p", str(project), "-o", str(Path(folder) / "alone.wasm")]
        (project / "counter_alone.py").write_text(ALONE)
        (project / "counting.py").write_text(COUNTING)

        def ours() -> float:
            source = project / "counter.py"
            source.write_text(source.read_text() + "\n")  # a change, so that nothing is taken from the cache
            return seconds(lambda: run([*COMMAND, "build", "-o", str(Path(folder) / "ours.wasm")], project))

        def theirs() -> float:
            return seconds(lambda: run(alone, project, environment))

        compared = ratio(ours, theirs, ROUNDS)
        again = min(
            seconds(lambda: run([*COMMAND, "build", "-o", str(Path(folder) / "ours.wasm")], project)) for _ in range(5)
        )
    return [
        row("build against componentize-py alone", compared, "<= 1.25"),
        row("unchanged build, seconds", again, "<= 0.5"),
    ]


def run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    """Run `command`; what it prints shows only when it fails."""
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)


#: The counters without marks, in the layout that componentize-py wants: a resource is a class in a module named after
#: its interface.
COUNTING = """
values = {}


class Counter:
    def __init__(self, name):
        self.name = name
        values.setdefault(name, 0)

    def increment(self, by):
        values[self.name] += by
        return values[self.name]

    def value(self):
        return values[self.name]

    @classmethod
    def names(cls):
        return list(values)
"""
ALONE = """
import counting
from wit_world import exports


class Counting(exports.Counting):
    def total(self):
        return sum(counting.values.values())
"""
