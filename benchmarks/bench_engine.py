"""What durability costs in the embedded engine: commits, replay, threads, memory.

A bare commit is one row of the size of an entry, in a SQLite file of its own on the same disk, WAL and FULL. Its log
has come to be used again in place, as the engine's has: while a log grows, each commit costs the file system more.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.building import COMMAND, HERE, built
from benchmarks.rounds import ROUNDS, ratio, row, seconds
from durable_dsl.engine.api import Engine

if TYPE_CHECKING:
    from durable_dsl.engine.worker.handle import Worker

COMMITS = 200
LOG_PAGES = 1_100  # a checkpoint comes after 1,000
INVOCATIONS = 100
CLOCKS = 100_000
STEPS = 1_000
WORKERS = 8
INSTANCES = 100
SECONDS = 1.0


def measure() -> list[dict[str, object]]:
    """All rows of the engine."""
    component = built("engine_app")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        return [
            *_commits(component, root / "commits"),
            _replay(component, root / "replay"),
            _recovery(component, root / "recovery"),
            *_threads(component, root / "threads"),
            _memory(root / "memory"),
        ]


# Commits


def _bare(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE entry (idx INTEGER PRIMARY KEY, text TEXT)")
    for _ in range(LOG_PAGES):
        _commit(connection)
    return connection


def _commit(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO entry (text) VALUES (?)", ("x" * 200,))
    connection.execute("COMMIT")


def _bare_commit(connection: sqlite3.Connection) -> float:
    return statistics.median(seconds(lambda: _commit(connection)) for _ in range(COMMITS))


def _commits(component: Path, data: Path) -> list[dict[str, object]]:
    with Engine.open(data) as engine:
        worker = engine.worker("w", engine.load(component))
        bare = partial(_bare_commit, _bare(data / "bare.sqlite3"))

        def invocation(count: int) -> float:
            return statistics.median(seconds(lambda: worker.invoke("steps", count)) for _ in range(INVOCATIONS))

        return [
            row("an invocation with 1 step, against a bare commit", ratio(partial(invocation, 1), bare), "<= 3.5"),
            row("an invocation with 10 steps, against a bare commit", ratio(partial(invocation, 10), bare), "<= 15"),
        ]


# Replay


def _replay(component: Path, data: Path) -> dict[str, object]:
    with Engine.open(data) as engine:
        engine.worker("w", engine.load(component)).invoke("clocks", CLOCKS)

    def replayed() -> float:
        with Engine.open(data) as engine:
            worker = engine.worker("w", engine.load(component))
            return CLOCKS / seconds(worker.resume)

    return row(
        "recorded clock reads replayed per second", statistics.median(replayed() for _ in range(ROUNDS)), ">= 150000"
    )


def _recovery(component: Path, data: Path) -> dict[str, object]:
    command = [*COMMAND, "run", str(component), "steps", "1", "--worker", "w", "--data", str(data)]
    with Engine.open(data) as engine:
        engine.worker("w", engine.load(component)).invoke("steps", STEPS)

    def goes_on() -> None:
        subprocess.run(command, cwd=HERE, check=True, capture_output=True)

    value = statistics.median(seconds(goes_on) for _ in range(ROUNDS))
    return row("process start to going on after 1,000 committed steps, seconds", value, "<= 0.25")


# Threads


def _throughput(workers: list[Worker], export: str, count: int) -> float:
    """Invocations per second of all workers together, each called from a thread of its own."""
    from concurrent.futures import ThreadPoolExecutor

    until = time.perf_counter() + SECONDS

    def called(worker: Worker) -> int:
        done = 0
        while time.perf_counter() < until:
            worker.invoke(export, count)
            done += 1
        return done

    with ThreadPoolExecutor(len(workers)) as pool:
        start = time.perf_counter()
        total = sum(pool.map(called, workers))
        return total / (time.perf_counter() - start)


def _threads(component: Path, data: Path) -> list[dict[str, object]]:
    with Engine.open(data) as engine:
        loaded = engine.load(component)
        workers = [engine.worker(f"w{number}", loaded) for number in range(WORKERS)]
        alone = workers[:1]
        cores = min(2, os.cpu_count() or 1)
        plain = ratio(partial(_throughput, workers, "steps", 5), partial(_throughput, alone, "steps", 5), rounds=5)
        computing = ratio(
            partial(_throughput, workers[:cores], "compute", 100_000),
            partial(_throughput, alone, "compute", 100_000),
            rounds=5,
        )
        engine.store.writer.before_commit = lambda: time.sleep(0.002)
        slow = ratio(partial(_throughput, workers, "steps", 5), partial(_throughput, alone, "steps", 5), rounds=5)
    return [
        row("eight workers against one, committing, on this disk", plain, ">= 1.2"),
        row("eight workers against one, committing, a flush slowed to 2 ms", slow, ">= 5"),
        row("two workers against one, computing", computing, ">= 1.8"),
    ]


# Memory

_LOADED = """
import sys
from durable_dsl.engine.api import Engine

def private():
    fields = open("/proc/self/smaps_rollup").read().split()
    return sum(int(fields[fields.index(name) + 1]) for name in ("Private_Clean:", "Private_Dirty:"))

with Engine.open(sys.argv[1]) as engine:
    component = engine.load(sys.argv[2])
    def call(name):
        engine.worker(name, component).invoke("[constructor]counter", "a")
    for number in range(5):
        call(f"warm{number}")
    before = private()
    for number in range(int(sys.argv[3])):
        call(f"w{number}")
    print((private() - before) / 1024 / int(sys.argv[3]))
"""


def _memory(data: Path) -> dict[str, object]:
    example = HERE.parent / "examples" / "counter"
    output = data.parent / "counter.wasm"
    subprocess.run([*COMMAND, "build", "-o", str(output)], cwd=example, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", _LOADED, str(data), str(output), str(INSTANCES)],
        check=True,
        capture_output=True,
        text=True,
    )
    return row("private memory of a loaded instance, MB", float(done.stdout), "<= 1.5")
