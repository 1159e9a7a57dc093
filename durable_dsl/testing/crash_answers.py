"""Somebody outside who answers: completes the promises of the worker under test as soon as they are on disk.

The first answer is for the first promise that the worker makes, and so on, whatever crashes in between: an answer that
was given stays given. It goes past the engine under test, as from another process, so that it is none of the places
where a run can crash.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from durable_dsl.engine import promises
from durable_dsl.engine.oplog.store import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["answering"]

_PAUSE = 0.002
_PROMISES = """
    SELECT promise.worker, idx, state FROM promise JOIN worker ON worker.id = promise.worker
    WHERE worker.name = ? ORDER BY idx
"""


@contextmanager
def answering(data: Path, worker: str, answers: Sequence[bytes]) -> Iterator[None]:
    """While open, the promises of `worker` are completed with these answers."""
    if not answers:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_answer, args=(data, worker, answers, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _answer(data: Path, worker: str, answers: Sequence[bytes], over: threading.Event) -> None:
    with closing(sqlite3.connect(data / FILE, timeout=60, isolation_level=None)) as connection:
        while not over.wait(_PAUSE):
            made = connection.execute(_PROMISES, (worker,)).fetchall()
            for (owner, index, state), answer in zip(made, answers, strict=False):
                if state == "pending":
                    promises.complete(connection, owner, worker, index, answer)
