"""A long life: what a start costs with snapshots, however long the history is, and what an endless call costs."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.building import COMMAND, HERE, built
from benchmarks.rounds import ROUNDS, row, seconds
from durable_dsl.engine.api import Engine
from durable_dsl.engine.clock import SkippingClock

CALLS = 100  # of an invocation
INVOCATIONS = (100, 10_000)
HUNDREDS = 10


def measure() -> list[dict[str, object]]:
    """All rows of snapshots."""
    component = built("snapshots_app")
    with tempfile.TemporaryDirectory() as folder:
        short, long = (_start(component, Path(folder) / str(count), count) for count in INVOCATIONS)
        return [
            row("process start to a result after 10,000 calls in 100 invocations, seconds", short, "<= 0.3"),
            row("process start to a result after 1,000,000 calls in 10,000 invocations, seconds", long, "<= 0.3"),
            row("the same, a million calls against ten thousand", long / short, "<= 1.25"),
            row("1,000 rounds of an hourly loop, the dearest hundred against the first", _rounds(component), "<= 3"),
        ]


def _start(component: Path, data: Path, invocations: int) -> float:
    with Engine.open(data) as engine:
        worker = engine.worker("w", engine.load(component))
        for _ in range(invocations):
            worker.invoke("count", "a", CALLS)
    command = [*COMMAND, "run", str(component), "count", "a", "0", "--worker", "w", "--data", str(data)]

    def goes_on() -> None:
        said = subprocess.run(command, cwd=HERE, check=True, capture_output=True).stdout
        assert int(said) == CALLS * invocations

    goes_on()
    return statistics.median(seconds(goes_on) for _ in range(ROUNDS))


def _rounds(component: Path) -> float:
    """CPU of each hundred rounds, all of one worker."""
    costs = []
    with tempfile.TemporaryDirectory() as data, Engine.open(data, clock=SkippingClock()) as engine:
        worker = engine.worker("w", engine.load(component))
        for _ in range(HUNDREDS):
            begin = time.process_time()
            worker.invoke("watch", 100)
            engine.settle()
            costs.append(time.process_time() - begin)
    return max(costs[1:]) / costs[0]
