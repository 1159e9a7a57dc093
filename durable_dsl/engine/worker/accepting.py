"""What becomes of a request: it is answered from the oplog, joined to one that is there, run, or put into the queue.

A caller that finds the worker idle runs its invocation in its own thread; that costs no hand-over. One that finds it
busy has its invocation put on disk and into the queue, and waits. Callers with the key of an invocation that runs or
is queued join it; a key whose outcome is known is answered from the oplog.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import InvocationError, KeyInUse
from durable_dsl.engine.invocations import results
from durable_dsl.engine.invocations.arguments import arguments_text, result_of
from durable_dsl.engine.invocations.invocation import Invocation
from durable_dsl.engine.oplog.entries import ExportedFunctionInvoked as _Begin
from durable_dsl.engine.oplog.summary import OVER
from durable_dsl.engine.worker.other_processes import carried_out
from durable_dsl.engine.worker.turns import Turns

if TYPE_CHECKING:
    from durable_dsl.engine.wit.exports import Export
    from durable_dsl.engine.worker.driver import Driver

#: How old a begun invocation is, in nanoseconds, of which nothing is taken back any more.
_SETTLES = 50_000_000
_SHOWN = 200


class Accepting(Turns):
    """The requests that one worker gets in this process."""

    def _accept(self, export: Export, values: list[Any], key: str | None, *, wait: bool) -> Invocation:
        """Everything that is wrong with the request has been found by now; nothing has been written."""
        job = Invocation(export, values, arguments_text(export, values), key or self.engine.new_key())
        if key is not None and self._driver is None and self._known(job) and self._answered(job):  # without a lease
            return job
        mine = object()
        first: Invocation | None = None
        try:
            with self._condition:
                driver = self._open()
                self._backlog.read(self._build_of(driver))
                known = self._backlog.find(job.key)
                if known is None:
                    # Under the lease: nobody can run it meanwhile.
                    if key is not None and self._known(job) and self._answered(job):
                        return job
                    self._refuse_if_over(driver, job)
                    self._put_behind(driver, job)
                else:
                    self._check_same(job, known.call)
                    if self._turn is None:  # it waits behind a failure
                        self._refuse_if_over(driver, job)
                self._backlog.want()
                if self._turn is None:
                    self._take(mine)
                    first = self._backlog.next()
            if first is job and wait:
                self._drive(job)
            elif first is not None:
                self._hand_on(mine, first)
        except BaseException as error:
            if self._turn is mine:
                self._abandon(error)
            raise
        finally:
            self._give_on(mine)
        return known or job

    def _put_behind(self, driver: Driver, job: Invocation) -> None:
        """Have it wait for its turn (holding the condition); on disk, unless it runs at once."""
        begun = _continues(driver, job)
        if not begun and (self._turn is not None or self._backlog.waits):
            self._queue.add(job)
        if self._turn is not None:
            driver.wake()
        self._backlog.add(job, first=begun)

    def accepted(self, key: str) -> bool:
        """Whether an invocation with this key is known to be under way or in the queue, as far as the disk says."""
        underway = self.summary().underway
        return (underway is not None and underway.key == key) or any(queued[2] == key for queued in self._queue.load())

    def _known(self, job: Invocation) -> bool:
        """Whether its key is on disk; raises KeyInUse where that of another invocation is."""
        known = results.called(self.engine.store, self.id, job.key)
        if known is not None:
            self._check_same(job, known)
        return known is not None

    def _check_same(self, job: Invocation, known: tuple[str, str]) -> None:
        if not results.alike(job.call, known):
            raise KeyInUse(self.name, job.key, _shown(known), _shown(job.call))

    def cancel(self, idempotency_key: str) -> bool:
        """Take back an invocation that waits in the queue, or was scheduled; False where it has begun, or is unknown.

        Who waits for it is told; the key is free again. Where another process has the worker, that one does it.
        """

        def take_back() -> bool:
            return self._take_back(idempotency_key)

        def taken() -> bool:
            return results.called(self.engine.store, self.id, idempotency_key) is None

        if not self._queue.holds(idempotency_key) and not self.held:
            return False
        return carried_out(self, take_back, f"cancel {idempotency_key}", taken)

    def _take_back(self, key: str) -> bool:
        with self._condition:
            self._backlog.read(self._build_of(self._open()))
            known = self._backlog.find(key)
            job = self._backlog.take_back(key)
            if known is not None and job is None:
                return False  # it runs
            taken = self._queue.take_back(key)
        if job is not None:
            told = "the invocation was taken back before it began"
            job.fail(InvocationError("Cancelled", told, "", self.status))
        return taken or job is not None

    def _answered(self, job: Invocation) -> bool:
        """Whether the outcome of this key is known; then `job` has it."""
        known = results.find(self.engine.store, self.id, job.key)
        if known is None:
            return False
        if known.error is not None and results.ended_well(job.export, known.error):
            job.finish(results.SUCCESS)
        elif known.error is not None:
            job.fail(known.error)
        else:
            export = self._build().resolve(known.function)
            job.finish(result_of(export, known.response or "null"))
        return True

    def _refuse_if_over(self, driver: Driver, job: Invocation) -> None:
        if driver.status not in OVER or _continues(driver, job):
            return
        summary = self.summary()
        if summary.error is None:
            raise InvocationError("PreviousInvocationExited", "an earlier invocation ended the worker", "", "exited")
        earlier = told(summary.error)
        raise InvocationError(
            "PreviousInvocationFailed", f"Previous invocation failed: {earlier}", earlier.traceback, "failed"
        )

    def make_known(self) -> bool:
        """Have what was accepted here on disk: another process asks for the worker, perhaps with the same key.

        An invocation that has begun is there with its first entry, one that waits for the end of a replay with its
        place in the queue. False where one has begun just now: it may still turn out that it cannot.
        """
        driver = self._driver
        if driver is None or self._turn is None:
            return True
        with self._condition:
            jobs = self._backlog.unrecorded()
        begun = {entry.key: time for _, time, entry in driver.log.uncommitted() if isinstance(entry, _Begin)}
        for job in jobs:
            if job.key not in begun:
                if not self.accepted(job.key):
                    self._queue.add(job)
            elif self.engine.clock.now() - begun[job.key] < _SETTLES:
                return False
            else:
                driver.log.commit()
        return True


def _continues(driver: Driver, job: Invocation) -> bool:
    """Whether this is the invocation that is under way already, from an earlier process."""
    underway = driver.summary.underway
    return underway is not None and underway.key == job.key


def _shown(call: tuple[str, str]) -> str:
    arguments = call[1][1:-1]
    return f"{call[0]}({arguments if len(arguments) <= _SHOWN else arguments[:_SHOWN] + '…'})"


def told(members: dict[str, Any]) -> InvocationError:
    return InvocationError(members["error_type"], members["message"], members["traceback"], "failed")
