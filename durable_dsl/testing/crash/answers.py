"""Somebody outside who answers: completes the promises of the worker under test as soon as they are on disk.

The first answer is for the first promise that the worker makes, and so on, whatever crashes in between: an answer that
was given stays given. It goes past the engine under test, as from another process, so that it is none of the places
where a run can crash. Time is skipped only once everything has been answered that can be: an answer is never too late.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.directory import promises
from durable_dsl.engine.oplog.store import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["AnsweringClock", "Answers"]

_PAUSE = 0.002
_PROMISES = """
    SELECT idx, state FROM promise JOIN worker ON worker.id = promise.worker
    WHERE worker.name = ? ORDER BY idx
"""


class Answers:
    """The answers for the promises that `worker` makes in the data directory `data`."""

    def __init__(self, data: Path, worker: str, answers: Sequence[bytes]) -> None:
        self._file = data / FILE
        self._worker = worker
        self._answers = answers
        self._given = 0
        self._lock = threading.Lock()

    def give(self) -> bool:
        """Complete what is on disk and pending; whether there was any."""
        if self._given == len(self._answers):
            return False
        with self._lock, closing(sqlite3.connect(self._file, timeout=60, isolation_level=None)) as connection:
            made = connection.execute(_PROMISES, (self._worker,)).fetchall()
            pending = [
                (index, answer)
                for (index, state), answer in zip(made, self._answers, strict=False)
                if state == "pending"
            ]
            for index, answer in pending:
                promise = promises.Named(self._worker, index, by_id=False)
                promises.complete(connection, promise.rows(connection), answer)
            self._given = min(len(made), len(self._answers))
        return bool(pending)

    @contextmanager
    def giving(self) -> Iterator[None]:
        """While open, give them as promises appear: a worker that waits for nothing else does not look at the time."""
        if not self._answers:
            yield
            return
        over = threading.Event()

        def give_all() -> None:
            while not over.wait(_PAUSE):
                self.give()

        thread = threading.Thread(target=give_all, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


class AnsweringClock(SkippingClock):
    """Skips time once there is nothing left to answer."""

    def __init__(self, start: int | None, answers: Answers) -> None:
        super().__init__(start)
        self._answers = answers

    def wait(
        self, condition: threading.Condition, until: int | None, *, outside: bool = False, again: float | None = None
    ) -> None:
        if not self._answers.give():
            super().wait(condition, until, outside=outside, again=again)
