"""From process start to the first result on the command line, with everything cached that can be."""

from __future__ import annotations

import statistics
import subprocess
import tempfile

from benchmarks.building import COMMAND, HERE, built
from benchmarks.rounds import row, seconds

RUNS = 11


def measure() -> list[dict[str, object]]:
    """The row, in seconds: a new worker is created and called, as a first-time user would."""
    component = built("blocks_app")
    command = [*COMMAND, "run", str(component), "blocks", "atomic", "1"]
    with tempfile.TemporaryDirectory() as data:

        def once() -> None:
            subprocess.run([*command, "--data", data], cwd=HERE, check=True, capture_output=True)

        once()  # compiles
        value = statistics.median(seconds(once) for _ in range(RUNS))
    return [row("process start to first result, warm cache, seconds", value, "<= 0.2")]
