"""Looking at many workers, and at a long oplog: commands, over what a command costs that has nothing to look at.

Each row is the time, or the peak of resident memory, of a process over that of the same verb in an empty directory, run
in turns with it: what is measured is the reading, not the start of Python.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.building import HERE
from benchmarks.histories import long_worker, many_workers
from benchmarks.rounds import ROUNDS, row
from durable_dsl.engine.api import Engine

WORKERS = 10_000
ENTRIES = 1_000_000
_MEGABYTE = 1024  # kilobytes, as the system counts
#: The command; at its end it tells its own peak, for what the system says of a child begins with its parent's.
_COMMAND = """
import sys
from durable_dsl.cli.main import main

status = main(sys.argv[1:])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM:")), file=sys.stderr)
sys.exit(status)
"""


def measure() -> list[dict[str, object]]:
    """All rows of reading."""
    with tempfile.TemporaryDirectory() as folder:
        empty, many, long = (Path(folder) / name for name in ("empty", "many", "long"))
        with Engine.open(empty):
            pass
        with Engine.open(many) as engine:
            many_workers(engine, WORKERS)
        with Engine.open(long) as engine:
            long_worker(engine, "w", ENTRIES)
        bare = ["worker", "list", "--data", str(empty)]
        rows = []
        for name, words, limits in (
            ("worker list of 10,000 workers", ["list", "--data", str(many)], (0.25, None)),
            ("worker show of a million entries", ["show", "w", "--data", str(long)], (0.15, 60)),
            ("the last page of a million entries", ["oplog", "w", "--last", "50", "--data", str(long)], (0.15, 60)),
            (
                "a page in the middle of a million entries",
                ["oplog", "w", "--from", "500000", "--limit", "50", "--data", str(long)],
                (0.15, 60),
            ),
        ):
            seconds, memory = _over(["worker", *words], bare)
            rows.append(row(f"{name}, seconds over a bare start", seconds, f"<= {limits[0]}"))
            if limits[1] is not None:
                rows.append(row(f"{name}, MB over a bare start", memory / _MEGABYTE, f"<= {limits[1]}"))
    return rows


def _over(words: list[str], bare: list[str]) -> tuple[float, float]:
    """Median seconds and kilobytes that a command takes more than a bare one, in turns."""
    pairs = [(_cost(words), _cost(bare)) for _ in range(ROUNDS)]
    seconds, memory = ([one[at] - other[at] for one, other in pairs] for at in (0, 1))
    return statistics.median(seconds), statistics.median(memory)


def _cost(words: list[str]) -> tuple[float, float]:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *words],
        cwd=HERE,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    return time.perf_counter() - start, float(done.stderr.split()[-2])
