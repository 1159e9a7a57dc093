"""What tests of the engine share: an engine on a fresh directory that skips time, workers that run programs."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.api import Engine
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.invocations import results
from tests.engine.tampering import change_entry
from tests.guests import guest

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.worker.handle import Worker

ROOT = Path(__file__).parent.parent.parent


class Shown:
    """Collects what guests write, as the engine shows it."""

    def __init__(self) -> None:
        self.text = ""

    def __call__(self, _level: str, data: bytes) -> None:
        self.text += data.decode()


def opened(data: Path, **options: Any) -> Engine:
    options.setdefault("clock", SkippingClock())
    return Engine.open(data, **options)


def worker(engine: Engine, name: str = "w", **guest_options: Any) -> Worker:
    """A worker of the component `script`."""
    return engine.worker(name, engine.load(guest("script", **guest_options)))


def program(text: str) -> str:
    """A guest program, written as an indented text."""
    return textwrap.dedent(text)


def again(worker: Worker, key: str) -> Any:
    """The invocation that has this key, asked for once more."""
    known = results.called(worker.engine.store, worker.id, key)
    assert known is not None
    return worker.invoke(known[0], *json.loads(known[1]), idempotency_key=key)


def kinds(worker: Worker, *, runtime: bool = False) -> list[str]:
    """The kinds of a worker's entries; without what a Python guest's start and output write."""
    return [kind_of(record) for record in worker.oplog() if runtime or not is_runtime(record)]


def kind_of(record: Any) -> str:
    return record.entry.function if record.kind == "imported-function-invoked" else record.kind


def wait_for(holds: Callable[[], object]) -> None:
    """Wait for what is certain to come."""
    for _ in range(2000):
        if holds():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about")


def is_runtime(record: Any) -> bool:
    if record.kind == "log":
        return True
    function = getattr(record.entry, "function", None) or ""
    return record.kind == "imported-function-invoked" and function.startswith(
        ("golem_environment", "golem random::get_random_bytes")
    )


def rewritten(database: Path, request: str) -> None:
    """Make the first invocation in the file another one than the one that ran: an oplog that does not fit."""
    with sqlite3.connect(database) as connection:
        change_entry(connection, 1, 2, request=request)


def command(data: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "durable_dsl", *arguments, "--data", str(data)]


def killed_when(process: subprocess.Popen[str], line: str) -> None:
    """Kill the process, as `kill -9`, as soon as it writes `line` on stderr."""
    assert process.stderr is not None
    for written in process.stderr:
        if line in written:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()


def run_command(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(data, *arguments), capture_output=True, text=True, check=False, cwd=ROOT, timeout=600)


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)
