"""Asking for an update of a worker, whoever runs it: this process, another one, or none.

An automatic one is on disk as soon as it is asked for, in the worker's oplog: what runs starts anew on the new build,
and where nothing runs the next one who runs the worker tries it. A snapshot is taken between invocations; until then
the request is a row of `control`. Asked for again under the key that it was asked for with, nothing happens.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import LeaseError, StoreError, UsageError
from durable_dsl.engine.oplog.entries import PendingUpdate
from durable_dsl.engine.oplog.store import HAS_KEY
from durable_dsl.engine.oplog.summary import OVER
from durable_dsl.engine.signals import Restart
from durable_dsl.engine.worker import control
from durable_dsl.engine.worker.background import in_background
from durable_dsl.engine.worker.updates import transition

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from durable_dsl.engine.oplog.summary import Update
    from durable_dsl.engine.worker.driver import Driver
    from durable_dsl.engine.worker.handle import Worker

#: In seconds: how often whoever waits for an update looks, and asks again where another process has the worker.
_LOOKS_AGAIN = 0.05
_ASKS_AGAIN = 0.25
_NOTED = f"SELECT 1 FROM entry WHERE worker = ? AND {HAS_KEY} AND kind IN ('pending-update', 'failed-update')"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. `before` is how far the oplog went then: what becomes of it comes after that."""

    version: int
    mode: str
    before: int
    key: str = ""

    @property
    def text(self) -> str:
        """As another process gets it."""
        return f"update {self.mode} {self.version} {self.before} {self.key}".rstrip()

    @classmethod
    def parse(cls, text: str) -> Request:
        _, mode, version, before, *key = text.split()
        return cls(int(version), mode, int(before), key[0] if key else "")

    def settled(self, worker: Worker) -> Update | None:
        """What became of it; None where that is open."""
        return transition.outcome(worker.engine.store, worker.id, self.version, self.before)


def request(worker: Worker, version: int, mode: str, key: str = "", *, runs: bool = True) -> None:
    """On disk when this returns; where it `runs`, this process sees to it if no other one has the worker."""
    if key and _known(worker, key):
        return
    if worker.status == "exited":
        return
    _check(worker, version)
    wanted = Request(version, mode, worker.engine.store.last_index(worker.id), key)
    asked = None
    if mode == "automatic":
        _have_noted(worker, wanted)
    else:
        asked = control.ask(worker.engine, worker.id, wanted.text)
    if runs:
        outcome = _see_through(worker, wanted)
        if asked is not None:
            _withdraw_when_done(worker, outcome, asked)


def update(worker: Worker, version: int, mode: str = "automatic") -> Update:
    """Move the worker to another version, and say what became of that; what is under way then goes on by itself."""
    _check(worker, version)
    if mode != "automatic" and worker.status in OVER:
        raise UsageError(f"a worker that is {worker.status} cannot save a snapshot")
    wanted = Request(version, mode, worker.engine.store.last_index(worker.id))
    if mode != "automatic":
        _tell_what_is_waited_for(worker)
    asked: Future[None] | None = None
    asks_again = 0.0
    while True:
        done = asked is not None and asked.done()  # looked at first: what it settled is found then
        outcome = wanted.settled(worker)
        if outcome is not None:
            return outcome
        if asked is None or (done and time.monotonic() >= asks_again):
            if asked is not None:
                with suppress(LeaseError):  # the other process is asked
                    asked.result()
            asked = _see_through(worker, wanted, tells=False)
            asks_again = time.monotonic() + _ASKS_AGAIN
        worker.pause(_LOOKS_AGAIN)


def _tell_what_is_waited_for(worker: Worker) -> None:
    facts = worker.describe(full=True)
    underway = worker.summary().underway
    calls = [] if underway is None else [f"{underway.function} ({underway.key})"]
    calls += [f"{call['function']} ({call['idempotency_key']})" for call in facts["pending"]]
    if not calls:
        return
    rests = ""
    if facts["waits_for"] is not None:
        promise, until = facts["waits_for"]["promise"], facts["waits_for"]["until"]
        waits = [f"the promise {promise}"] * bool(promise) + [f"a sleep until {until}"] * bool(until)
        rests = f", which waits for {' or '.join(waits)}"
    worker.engine.notify(
        f"worker {worker.name}: a snapshot is taken between invocations; waiting for the end of {calls[0]}{rests}"
    )


def carry_out(worker: Worker, asked: int, text: str) -> None:
    """Another process has asked for it. The request stays until it is settled, so that it outlives this process."""
    if asked not in worker.carried_out:
        worker.carried_out.add(asked)
        _withdraw_when_done(worker, _see_through(worker, Request.parse(text)), asked)


def _withdraw_when_done(worker: Worker, outcome: Future[None], asked: int) -> None:
    def withdraw(outcome: Future[None]) -> None:
        worker.carried_out.discard(asked)
        if not worker.engine.closed and not isinstance(outcome.exception(), LeaseError):
            with suppress(StoreError):  # closed just now
                control.withdraw(worker.engine, asked)

    outcome.add_done_callback(withdraw)


def _known(worker: Worker, key: str) -> bool:
    """Whether it was asked for before with this key."""
    if worker.engine.store.read_one(_NOTED, (worker.id, key)) is not None:
        return True
    asked = control.asked_of(worker.engine, worker.id, "update ")
    return any(Request.parse(text).key == key for text in asked)


def _check(worker: Worker, version: int) -> None:
    summary = worker.summary()
    worker.engine.catalogue.build(worker.component, version)
    if summary.version == version:
        raise UsageError(f"worker {worker.name!r} is on version {version} already")
    if any(one.status == "pending" and one.version == version for one in summary.updates):
        raise UsageError(f"an update of worker {worker.name!r} to version {version} is under way already")


def _restarts(wanted: Request) -> Callable[[Driver], bool]:
    """What has a worker that runs start anew on the new build; False where nothing runs, or a snapshot is needed."""

    def restarted(driver: Driver) -> bool:
        if wanted.mode != "automatic":
            return False
        if transition.is_pending(driver.log.store, driver.worker.id, wanted.version):
            return True
        if not driver.signal(Restart()):
            return False
        _note(driver, wanted)  # before it is seen: an instance is dropped under the condition
        return True

    return restarted


def _have_noted(worker: Worker, wanted: Request) -> None:
    try:
        with worker.turn_unless(_restarts(wanted)) as driver:
            if driver is not None:
                _note(driver, wanted)
                driver.drop_session()
    except LeaseError:
        control.ask(worker.engine, worker.id, wanted.text)


def _see_through(worker: Worker, wanted: Request, *, tells: bool = True) -> Future[None]:
    """In this process, or in the one that holds the worker; in a thread."""
    restarted = _restarts(wanted)

    def settled() -> bool:
        return wanted.settled(worker) is not None

    def work() -> None:
        try:
            while not settled():
                with worker.turn_unless(restarted) as driver:
                    if driver is not None:
                        if not settled():
                            _carry_out(worker, driver, wanted)
                        return
                worker.wait_while_running(settled)
        except LeaseError:
            control.ask(worker.engine, worker.id, wanted.text)
            raise

    worker.while_running(restarted)  # at once, or what waits in the queue would come before
    return in_background(worker, work, tells=tells)


def _note(driver: Driver, wanted: Request) -> None:
    """On disk: the update is asked for; once, however often it is."""
    if not transition.is_pending(driver.log.store, driver.worker.id, wanted.version):
        driver.log.append(PendingUpdate(wanted.version, "automatic", key=wanted.key or None))
        driver.log.commit()


def _carry_out(worker: Worker, driver: Driver, wanted: Request) -> None:
    """With the turn: try it, and continue what had not ended on whichever build the worker is on then."""
    if wanted.mode == "automatic":
        _note(driver, wanted)
        driver.drop_session()
    else:
        failed = worker.run(driver)  # a snapshot is taken between invocations
        if failed is not None and worker.engine.closed:  # it is still wanted
            return
        key = wanted.key or None
        if failed is not None or driver.status in OVER:
            reason = str(failed or f"a worker that is {driver.status} cannot save a snapshot")
            transition.refused(driver, wanted.version, reason, key)
        if failed is not None or driver.status in OVER or not transition.save_snapshot(driver, wanted.version, key):
            driver.reload()
            return
    if worker.run(driver) is None:
        worker.take_up_queue(driver)
