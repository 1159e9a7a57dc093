"""A worker as its users hold it: accepts invocations, one runs at a time, in order of acceptance.

A caller that finds the worker idle runs its invocation in its own thread; that costs no hand-over. One that finds it
busy has its invocation put on disk and into the queue, and waits. Callers with the key of an invocation that runs or
is queued join it; a key whose outcome is known is answered from the oplog.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from durable_dsl.engine import results, steering
from durable_dsl.engine.catalogue import component_id_of
from durable_dsl.engine.driver import Driver
from durable_dsl.engine.errors import InvocationError, LeaseError, UpdateRefused, UsageError
from durable_dsl.engine.invocation import Invocation
from durable_dsl.engine.json_form import python_arguments
from durable_dsl.engine.oplog.entries import Create, Record
from durable_dsl.engine.oplog.summary import Summary, summarize
from durable_dsl.engine.queue import Queue
from durable_dsl.engine.retries import DEFAULT_POLICY, RetryPolicy
from durable_dsl.engine.session import arguments_of, arguments_text, result_of
from durable_dsl.engine.signals import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.catalogue import WorkerRow
    from durable_dsl.engine.component import Export
    from durable_dsl.engine.loading import LoadedComponent
    from durable_dsl.engine.oplog.entries import Entry
    from durable_dsl.engine.signals import Signal

_CLOSING_SECONDS = 2.0
_OVER = frozenset({"failed", "exited"})


class Worker:
    """A named component instance with its own oplog; `Engine.worker` gives it. Safe to use from several threads."""

    def __init__(self, engine: Engine, row: WorkerRow) -> None:
        self.engine = engine
        self.id = row.id
        self.name = row.name
        #: The name of its component.
        self.component = row.component
        self.default_policy: RetryPolicy = DEFAULT_POLICY
        self._condition = threading.Condition()
        self._jobs: dict[str, Invocation] = {}
        self._waiting: deque[Invocation] = deque()
        self._queue = Queue(engine.store, row.id)
        self._driver: Driver | None = None
        self._turn = False  # some thread is in the driver

    def __repr__(self) -> str:
        return f"<Worker {self.name} {self.status}>"

    # Calling

    def invoke(self, export: str, *arguments: Any, idempotency_key: str | None = None) -> Any:
        """Call an export and wait for its result; raises InvocationError where the invocation failed for good."""
        return self._submit(export, arguments, idempotency_key, wait=True).wait()

    def start(self, export: str, *arguments: Any, idempotency_key: str | None = None) -> Invocation:
        """Start a call; `.wait(timeout)` gives its result."""
        return self._submit(export, arguments, idempotency_key, wait=False)

    async def invoke_async(self, export: str, *arguments: Any, idempotency_key: str | None = None) -> Any:
        """`invoke` for asyncio: the call runs in a thread, the event loop stays free."""
        import asyncio

        return await asyncio.to_thread(self.invoke, export, *arguments, idempotency_key=idempotency_key)

    def begin(self, export: Export, values: list[Any], *, idempotency_key: str | None = None) -> Invocation:
        """Call with arguments that are in the Python form already; finished on return if the worker was idle."""
        return self._accept(export, values, idempotency_key, wait=True)

    def resume(self) -> None:
        """Continue what is under way, and then the queue; returns when what was under way is done."""
        if self.status in _OVER:
            raise UsageError(
                f"worker {self.name!r} is {self.status} and cannot be resumed", "revert it, or update it to a fixed build"
            )
        if self._driver is not None:
            self._driver.wake()
        with self.turn() as driver:
            self._run(driver, None)

    def settle(self) -> None:
        """Wait until nothing runs in the worker and nothing waits for its turn."""
        with self._condition:
            self._condition.wait_for(lambda: not self._turn)

    def resume_in_background(self) -> None:
        """`resume` in a thread; nothing happens where another process runs the worker."""
        self.in_background(lambda driver: self._run(driver, None))

    def update(self, component: LoadedComponent, *, snapshot: bool = False) -> None:
        """Move to another build: by replaying the history on it, or by its snapshot functions.

        Raises UpdateRefused where that fails; the worker goes on where it was.
        """
        outcome = steering.update(self, component.version, "snapshot-based" if snapshot else "automatic")
        if outcome.status != "successful":
            raise UpdateRefused(self.name, component.version, outcome.details)

    def interrupt(self) -> bool:
        """Stop what runs, sleeps or waits for a retry; False if nothing does. `resume` continues it."""
        return steering.interrupt(self)

    def simulate_crash(self) -> None:
        """Throw the instance away, as if the process had died here, and go on from the oplog."""
        steering.simulate_crash(self)

    def revert(self, *, to: int | None = None, last: int | None = None) -> None:
        """Take back everything after entry `to`, or the `last` so many invocations."""
        if to is not None:
            steering.revert(self, to)
        elif last is not None:
            steering.revert_invocations(self, last)

    def fork(self, name: str, at: int | None = None) -> Worker:
        """A new worker with the same history up to entry `at` (the last one by default), continued in a thread."""
        steering.fork(self, name, at or self.oplog_index)
        forked = self.engine.worker(name)
        forked.resume_in_background()
        return forked

    # Reading

    @property
    def version(self) -> int:
        """The version of its component that it is on."""
        return self._driver.summary.version if self._driver is not None else self.summary().version

    @property
    def status(self) -> str:
        """One of idle running suspended interrupted retrying failed exited."""
        return self._driver.status if self._driver is not None else self.summary().status

    @property
    def oplog_index(self) -> int:
        """The index of the last entry."""
        return self._driver.log.last if self._driver is not None else self.engine.store.last_index(self.id)

    @property
    def component_id(self) -> str:
        """The UUID of its component."""
        return component_id_of(self.component)

    @property
    def created(self) -> Create:
        """Entry 1."""
        record = next(self.engine.store.records(self.id, "AND idx = 1"))
        assert isinstance(record.entry, Create)
        return record.entry

    def oplog(self) -> list[Record]:
        """All entries in order, with those that are still in the memory buffer."""
        found = list(self.engine.store.records(self.id))
        if self._driver is not None:
            last = found[-1].index
            buffered = self._driver.log.uncommitted()
            found += [Record(index, time, entry) for index, time, entry in buffered if index > last]
        deleted = self.summary().deleted
        return [Record(one.index, one.time, one.entry, one.index in deleted) for one in found] if deleted else found

    def summary(self) -> Summary:
        """What the oplog on disk amounts to."""
        return summarize(self.engine.store, self.id)

    def describe(self, *, full: bool = False) -> dict[str, Any]:
        """Name, component, version, status, oplog index; `full` also what waits, the error, the updates."""
        summary = self.summary()
        facts = {
            "name": self.name,
            "component": self.component,
            "version": summary.version,
            "status": self.status,
            "oplog_index": self.oplog_index,
        }
        if full:
            error = summary.error
            facts["pending"] = [
                {"function": function, "idempotency_key": key} for function, _, key in self._queue.load()
            ]
            facts["error"] = None if error is None else _told(error).as_json()
            facts["updates"] = [
                {"version": one.version, "mode": one.mode, "status": one.status, "details": one.details}
                for one in summary.updates
            ]
        return facts

    def environment(self, component: LoadedComponent) -> list[tuple[str, str]]:
        """The environment that the guest sees: the worker's own, then Golem's names."""
        golem = {
            "GOLEM_WORKER_NAME": self.name,
            "GOLEM_COMPONENT_ID": component.id,
            "GOLEM_COMPONENT_VERSION": str(component.version),
        }
        return [*((name, value) for name, value in self.created.env if name not in golem), *golem.items()]

    # Accepting

    def _submit(self, name: str, arguments: tuple[Any, ...], key: str | None, *, wait: bool) -> Invocation:
        export = self._build().resolve(name)
        return self._accept(export, python_arguments(list(arguments), export), key, wait=wait)

    def _accept(self, export: Export, values: list[Any], key: str | None, *, wait: bool) -> Invocation:
        """Everything that is wrong with the request has been found by now; nothing has been written."""
        job = Invocation(export, values, arguments_text(export, values), key or self.engine.new_key())
        if key is not None:
            with self._condition:
                known = self._jobs.get(key)
            if known is not None:
                return known
            if self._answered(job):
                return job
        driver = self._open()
        with self._condition:
            known = self._jobs.get(job.key)
            if known is not None:
                return known
            self._refuse_if_over(driver, job)
            direct = not self._turn
            if direct:
                self._turn = True
            elif not _continues(driver, job):
                self._queue.add(job)
                self._waiting.append(job)
            self._jobs[job.key] = job
        if not direct:
            driver.wake()
        elif wait:
            self._drive(job)
        else:
            self._spawn(job)
        return job

    def _answered(self, job: Invocation) -> bool:
        """Whether the outcome of this key is known; then `job` has it."""
        known = results.find(self.engine.store, self.id, job.key)
        if known is None:
            return False
        if known.error is not None:
            job.fail(known.error)
        else:
            export = self._build().resolve(known.function)
            job.finish(result_of(export, known.response or "null"))
        return True

    def _refuse_if_over(self, driver: Driver, job: Invocation) -> None:
        if driver.status not in _OVER or _continues(driver, job):
            return
        summary = self.summary()
        if summary.error is None:
            raise InvocationError("PreviousInvocationExited", "an earlier invocation ended the worker", "", "exited")
        earlier = _told(summary.error)
        raise InvocationError(
            "PreviousInvocationFailed", f"Previous invocation failed: {earlier}", earlier.traceback, "failed"
        )

    def _build(self) -> LoadedComponent:
        return self.engine.component_of(self.component, self.version)

    # Running

    def _open(self) -> Driver:
        """Take the lease and see what there is; what was accepted by an earlier process is in the queue again."""
        with self._condition:
            if self._driver is None:
                driver = Driver(self, self._condition, self._publish)
                self.engine.watch()
                build = self.engine.component_of(self.component, driver.summary.version)
                for name, request, key in self._queue.load():
                    export = build.resolve(name)
                    job = Invocation(export, arguments_of(export, request), request, key)
                    self._jobs[key] = job
                    self._waiting.append(job)
                self._driver = driver
            return self._driver

    def _spawn(self, job: Invocation) -> None:
        name = f"durable-dsl worker {self.name}"
        threading.Thread(target=self._drive, args=(job,), name=name, daemon=True).start()

    def _drive(self, job: Invocation) -> None:
        """With the turn: run `job` and give the turn on."""
        assert self._driver is not None
        try:
            self._run(self._driver, job)
        finally:
            self._pass_on()

    def _run(self, driver: Driver, job: Invocation | None) -> None:
        """Run `job` (None: what is under way). Failures are told through the invocations."""
        try:
            driver.run(job)
        except UsageError as error:  # found by the instance, before anything ran: this caller's alone
            if job is None:
                raise
            with self._condition:
                del self._jobs[job.key]
            job.fail(error)
        except InvocationError as error:
            self._fail_all(error)
        except BaseException as error:
            self._fail_all(error)
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next invocation in the queue, in a thread of its own."""
        with self._condition:
            following = self._waiting.popleft() if self._waiting else None
            self._turn = following is not None
            self._condition.notify_all()
        if following is not None:
            self._spawn(following)

    # Steering

    @property
    def running(self) -> bool:
        """Whether a thread of this process is in the worker now."""
        return self._turn

    @contextmanager
    def turn(self) -> Iterator[Driver]:
        """Wait for the worker's turn and have it: nothing runs in the worker meanwhile."""
        driver = self._open()
        with self._condition:
            self._condition.wait_for(lambda: not self._turn)
            self._turn = True
        try:
            yield driver
        finally:
            self._pass_on()

    def in_background(self, work: Callable[[Driver], None]) -> None:
        """Do something with the turn in a thread, as soon as it can be had; not where another process runs it."""

        def wait_and_work() -> None:
            with suppress(LeaseError, InvocationError), self.turn() as driver:
                work(driver)

        threading.Thread(target=wait_and_work, name=f"durable-dsl steering {self.name}", daemon=True).start()

    def signal(self, signal: Signal) -> None:
        """End what runs or waits in this process with `signal`."""
        if self._driver is not None:
            self._driver.signal(signal)

    def wake(self) -> bool:
        """Let a suspended worker look again whether it can go on; False if this process does not run it."""
        driver = self._driver
        if driver is not None and self._turn:
            driver.wake()
            return True
        return False

    def add_hint(self, entry: Entry) -> None:
        """Add an entry to the log of a worker that runs in this process."""
        assert self._driver is not None
        self._driver.log.append(entry)
        self._driver.log.commit()

    def _publish(self, key: str, value: Any) -> None:
        with self._condition:
            job = self._jobs.pop(key, None)
        if job is not None:
            job.finish(value)

    def _fail_all(self, error: BaseException) -> None:
        """Tell every caller; what is queued stays on disk, for when the worker can go on."""
        with self._condition:
            jobs, self._jobs = list(self._jobs.values()), {}
            self._waiting.clear()
        for job in jobs:
            job.fail(error)

    def close(self) -> None:
        """Let go of the instance and the lease; what runs stops as it would if the process died."""
        driver = self._driver
        if driver is None:
            return
        with self._condition:
            self._waiting.clear()
            running = self._turn
        if running:
            driver.signal(Closing())
            with self._condition:
                stopped = self._condition.wait_for(lambda: not self._turn, _CLOSING_SECONDS)
            if not stopped:  # a guest that makes no host calls: it ends with the process, and keeps the lease till then
                return
        driver.close()
        self._driver = None


def _continues(driver: Driver, job: Invocation) -> bool:
    """Whether this is the invocation that is under way already, from an earlier process."""
    underway = driver.summary.underway
    return underway is not None and underway.key == job.key


def _told(members: dict[str, Any]) -> InvocationError:
    return InvocationError(members["error_type"], members["message"], members["traceback"], "failed")
