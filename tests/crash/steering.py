"""A process that steers workers at random, killed again and again: `python -m tests.crash.steering`.

Calls, updates of both kinds, forks, reverts, deletions, crashes. After each kill nothing may be half done: the tables
agree, and each worker remembers exactly the calls that its oplog says it completed. Prints what it found as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from durable_dsl.engine.api import Engine
from durable_dsl.engine.errors import EngineError, InvocationError, LeaseError, UpdateRefused, UsageError
from durable_dsl.engine.oplog.entries import ExportedFunctionCompleted, ExportedFunctionInvoked

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.worker.handle import Worker

NAMES = ("a", "b")
OPERATIONS = ("call", "call", "update", "snapshot", "fork", "revert", "take back", "delete", "crash", "release")
PROGRESS = "."
MOST = 25  # operations, before a process is killed
OWNED = ("entry", "payload", "queue", "promise", "control")


def silent(_level: str, _data: bytes) -> None:
    """Nobody reads what the guests write."""


def steer(data: Path, seed: int, builds: list[str]) -> None:
    """Until somebody kills it."""
    draw = random.Random(seed)
    with Engine.open(data, output=silent) as engine:
        components = [engine.load(build) for build in builds]
        for serial in range(10_000):
            print(PROGRESS, flush=True)
            names = [*NAMES, *(one.name for one in engine.workers() if one.name not in NAMES)]
            name, operation = draw.choice(names), draw.choice(OPERATIONS)
            try:
                known = engine.catalogue.worker(name)
                one = engine.worker(name) if known else engine.worker(name, draw.choice(components))
                if operation == "call":
                    one.invoke("add", seed * 10_000 + serial, idempotency_key=f"{seed}.{serial}")
                elif operation in {"update", "snapshot"}:
                    one.update(draw.choice(components), snapshot=operation == "snapshot")
                elif operation == "fork" and len(names) < 6:
                    one.fork(f"{seed}.{serial}", draw.choice([None, draw.randint(1, one.oplog_index)]))
                elif operation == "revert":
                    one.revert(to=draw.randint(max(1, one.oplog_index - 30), one.oplog_index))
                elif operation == "take back":
                    one.revert(last=1)
                elif operation == "delete" and name not in NAMES:
                    engine.delete_worker(name)
                elif operation == "crash":
                    one.simulate_crash()
                elif operation == "release":
                    one.release_if_idle()
            except (UsageError, UpdateRefused, LeaseError):  # an answer like any other
                continue


def examine(data: Path) -> None:
    """Not killed: what is wrong with the directory, a line each."""
    with sqlite3.connect(data / "durable.sqlite3") as connection:
        for (found,) in connection.execute("PRAGMA integrity_check"):
            if found != "ok":
                print(found)
        for table in OWNED:
            query = f"SELECT count(*) FROM {table} WHERE worker NOT IN (SELECT id FROM worker)"
            if connection.execute(query).fetchone()[0]:
                print(f"{table} has rows of no worker")
    connection.close()
    with Engine.open(data, output=silent) as engine:
        for one in engine.workers():
            try:
                one.resume()
                one.settle()
                remembered, completed = one.invoke("entries"), calls_of(one)
            except (EngineError, InvocationError) as error:
                print(f"worker {one.name}: {error}")
                continue
            if remembered != completed:
                print(f"worker {one.name} remembers {remembered}, its oplog has {completed}")


def calls_of(worker: Worker) -> list[int]:
    """What its completed calls have added, but for those that a revert took back."""
    reverted = worker.summary().reverted
    found, begun = [], None
    for record in worker.oplog():
        if record.index in reverted:
            continue
        if isinstance(record.entry, ExportedFunctionInvoked):
            begun = record.entry
        elif isinstance(record.entry, ExportedFunctionCompleted) and begun is not None and begun.function == "add":
            found.append(json.loads(begun.request)[0])
    return found


def in_child(work: Callable[[], None]) -> tuple[int, int]:
    """Its process, and where what it prints can be read."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            work()
            status = 0
        except Exception:  # noqa: BLE001 - told
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    os.close(writing)
    return child, reading


def told(child: int, reading: int, *, operations: int = 0, within: float = 0.0) -> list[str]:
    """What it prints, killed so many seconds after so many operations if any."""
    lines = []
    with open(reading) as pipe:
        for line in pipe:
            if not line.startswith(PROGRESS):
                lines.append(line.rstrip())
            elif (operations := operations - 1) == 0:
                time.sleep(within)
                os.kill(child, signal.SIGKILL)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        lines.append(f"a process failed with {os.WEXITSTATUS(status)}")
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
        lines.append(f"a process crashed with signal {os.WTERMSIG(status)}")
    return lines


def main(data: Path, seed: int, kills: int, builds: list[str]) -> None:
    draw = random.Random(seed)
    faults: list[str] = []
    for number in range(kills):
        work = partial(steer, data, seed * 1000 + number, builds)
        faults += told(*in_child(work), operations=draw.randint(1, MOST), within=draw.uniform(0, 0.01))
        if number % 3 == 2:
            faults += told(*in_child(partial(examine, data)))
    strange = [file.name for file in data.rglob(".*")]
    print(json.dumps({"faults": faults, "strange": strange}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
