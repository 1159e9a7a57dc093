"""The invocations of one worker that were accepted and have no outcome yet, as this process knows them.

Each is running, or waits here in the order of acceptance; what waits because the worker is busy has a row in the queue
on disk too. What an earlier process had accepted waits until somebody in this one wants the worker to run: calls it,
resumes it, or has put something into its queue. All methods are for holders of the worker's condition.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.invocations.arguments import arguments_of
from durable_dsl.engine.invocations.invocation import Invocation
from durable_dsl.engine.traps import UnknownExport

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.directory.catalogue import WorkerRow
    from durable_dsl.engine.invocations.component import LoadedComponent
    from durable_dsl.engine.invocations.queue import Queue


class Backlog:
    """By key, and in order. `fill_queue` puts what is due into a worker's queue, `tell` says what is amiss."""

    def __init__(
        self, fill_queue: Callable[[int], None], tell: Callable[[str], None], row: WorkerRow, queue: Queue
    ) -> None:
        self._fill_queue = fill_queue
        self._tell = tell
        self._row = row
        self._queue = queue
        self._jobs: dict[str, Invocation] = {}
        self._waiting: deque[Invocation] = deque()
        self._wanted = False
        self._unread = True  # what is in the queue on disk is not all known here

    def find(self, key: str) -> Invocation | None:
        return self._jobs.get(key)

    def add(self, job: Invocation, *, first: bool = False) -> None:
        """One that waits from now on; `first` where it had begun already."""
        self._jobs[job.key] = job
        if first:
            self._waiting.appendleft(job)
        else:
            self._waiting.append(job)

    @property
    def waits(self) -> bool:
        """Whether anything waits for its turn."""
        return bool(self._waiting)

    def want(self) -> None:
        """What waits is to run from now on."""
        self._wanted = bool(self._waiting)

    def next(self) -> Invocation | None:
        """The next one to run; None where nothing waits that anybody wants to run."""
        while self._wanted and self._waiting:
            job = self._waiting.popleft()
            if not job.done:  # with the replay that somebody else's invocation needed
                return job
        self._wanted = False
        return None

    def done(self, key: str) -> Invocation | None:
        """Its outcome is known; the invocation that is to be told, if anybody waits for it."""
        return self._jobs.pop(key, None)

    def take_back(self, key: str) -> Invocation | None:
        """One that waits and has not begun, so that it never runs; None where it does not wait."""
        job = next((job for job in self._waiting if job.key == key), None)
        if job is None or not job.queued:  # it has begun, in an earlier process
            return None
        self._waiting.remove(job)
        return self._jobs.pop(key)

    def abandon(self) -> list[Invocation]:
        """Forget all; those that have to be told. What is in the queue on disk stays there."""
        jobs, self._jobs = list(self._jobs.values()), {}
        self._waiting.clear()
        self._wanted = False
        self._unread = True
        return jobs

    def unrecorded(self) -> list[Invocation]:
        """Those that may be nowhere on disk."""
        return [job for job in self._jobs.values() if not (job.queued or job.done)]

    def read(self, build: LoadedComponent, *, again: bool = False) -> None:
        """Take up what is in the queue on disk and not known here, if that was not done yet or is wanted `again`."""
        if not (self._unread or again):
            return
        self._fill_queue(self._row.id)
        for name, request, key in self._queue.load():
            if key not in self._jobs:
                try:
                    export = build.resolve(name)
                    arguments = arguments_of(export, request)
                except (UnknownExport, UsageError) as error:  # of another build: what fits must not wait for it
                    said = f"the call of {name} that waits does not fit its build, and stays in the queue: {error}"
                    self._tell(f"warning: worker {self._row.name}: {said}")
                    continue
                job = Invocation(export, arguments, request, key)
                job.queued = True
                self.add(job)
        self._unread = False
