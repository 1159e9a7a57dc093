"""Who runs in a worker when: accepted invocations wait for their turn and run one at a time.

Whoever steers a worker waits for the turn too, so that nothing runs meanwhile. How invocations are accepted is in
`accepting`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from durable_dsl.engine import results, watcher
from durable_dsl.engine.bridge_errors import UnknownExport
from durable_dsl.engine.errors import DamagedError, InvocationError, LeaseError, StoreError, UsageError
from durable_dsl.engine.invocation import Invocation
from durable_dsl.engine.oplog.summary import OVER, Summary, summarize
from durable_dsl.engine.permissions import Permissions
from durable_dsl.engine.queue import Queue
from durable_dsl.engine.session import arguments_of
from durable_dsl.engine.signals import Closing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.catalogue import WorkerRow
    from durable_dsl.engine.driver import Driver
    from durable_dsl.engine.loading import LoadedComponent
    from durable_dsl.engine.oplog.entries import Entry
    from durable_dsl.engine.signals import Signal

_CLOSING_SECONDS = 2.0


class Turns:
    """The turn of one worker in this process, and who waits for it; `Worker` is what its users hold."""

    def __init__(self, engine: Engine, row: WorkerRow) -> None:
        self.engine = engine
        self.id = row.id
        self.name = row.name
        #: The name of its component.
        self.component = row.component
        #: What it may do.
        self.permissions = Permissions(engine, row.id, row.name, row.component)
        self._condition = threading.Condition()
        self._jobs: dict[str, Invocation] = {}
        self._waiting: deque[Invocation] = deque()
        #: What an earlier process had accepted; it waits for somebody to run the worker.
        self._backlog: deque[Invocation] = deque()
        self._queue = Queue(engine.store, row.id)
        self._forgotten = False  # what is in the queue on disk is not all known here
        self._driver: Driver | None = None
        self._turn = False  # some thread is in the driver
        self._last_turn = 0.0

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

    def summary(self) -> Summary:
        """What the oplog on disk amounts to."""
        return summarize(self.engine.store, self.id)

    def _build(self) -> LoadedComponent:
        return self.engine.component_of(self.component, self.version)

    def look_at_queue(self) -> None:
        """Run what another worker has put into the queue, in a thread."""
        driver = self._open()
        with self._condition:
            if driver.status not in OVER:
                self._waiting.extend(self._load_queue(driver))
                self._take_up_backlog(driver)

    # Running

    def _new_driver(self) -> Driver:
        raise NotImplementedError

    def _open(self) -> Driver:
        """Take the lease and see what there is; what was accepted by an earlier process is in the queue again."""
        with self._condition:
            if self._driver is None:
                driver = self._new_driver()
                try:
                    if not driver.summary.last:
                        raise UsageError(f"worker {self.name!r} was deleted")
                    watcher.forget(self.engine, self.id)
                    self._queue.tidy()
                    self.engine.watch()
                    self._backlog.extend(self._load_queue(driver))
                except BaseException:  # nobody would let go of the lease
                    driver.close()
                    raise
                self._driver = driver
            self._last_turn = time.monotonic()
            return self._driver

    def _load_queue(self, driver: Driver) -> list[Invocation]:
        """What is in the queue on disk and not known here yet (holding the condition)."""
        self._forgotten = False
        self.engine.schedule.fill_queue(self.id)
        build = self.engine.component_of(self.component, driver.summary.version)
        found = []
        for name, request, key in self._queue.load():
            if key not in self._jobs:
                try:
                    export = build.resolve(name)
                    arguments = arguments_of(export, request)
                except (UnknownExport, UsageError) as error:  # of another build: what fits must not wait for it
                    said = f"the call of {name} that waits does not fit its build, and stays in the queue: {error}"
                    self.engine.tell_once(f"warning: worker {self.name}: {said}")
                    continue
                job = self._jobs[key] = Invocation(export, arguments, request, key)
                job.queued = True
                found.append(job)
        return found

    def _take_up_backlog(self, driver: Driver) -> None:
        """Have what an earlier process had accepted run first (holding the condition)."""
        self._waiting.extendleft(reversed(self._backlog))
        self._backlog.clear()
        if self._waiting and not self._turn:
            driver.wake()
            self._turn = True
            self._spawn(self._waiting.popleft())

    def take_up_queue(self, driver: Driver) -> None:
        """With the turn: have what was accepted earlier run when the turn is given on."""
        with self._condition:
            if self._forgotten:
                self._backlog.extend(self._load_queue(driver))
            self._waiting.extendleft(reversed(self._backlog))
            self._backlog.clear()

    def _spawn(self, job: Invocation) -> None:
        name = f"durable-dsl worker {self.name}"
        threading.Thread(target=self._drive_alone, args=(job,), name=name, daemon=True).start()

    def _drive_alone(self, job: Invocation) -> None:
        """`_drive` in a thread of its own; even a fault of the host is told through the invocation."""
        with suppress(Exception):
            self._drive(job)

    def _drive(self, job: Invocation) -> None:
        """With the turn: run `job` and give the turn on."""
        assert self._driver is not None
        try:
            self._run(self._driver, job)
        finally:
            self._pass_on()

    def _run(self, driver: Driver, job: Invocation | None) -> InvocationError | None:
        """Run `job` (None: what is under way). Failures are told through the invocations, and returned."""
        try:
            driver.run(job)
        except UsageError as error:  # found by the instance, before anything ran: this caller's alone
            if job is None:
                raise
            with self._condition:
                del self._jobs[job.key]
            job.fail(error)
        except InvocationError as error:
            if job is not None and results.ended_well(job.export, error):
                with self._condition:
                    del self._jobs[job.key]
                job.finish(results.SUCCESS)
            self._fail_all(error)
            return error
        except BaseException as error:
            self._fail_all(error)
            raise
        return None

    def _pass_on(self) -> None:
        """Give the turn to the next invocation in the queue, in a thread of its own."""
        with self._condition:
            following = self._waiting.popleft() if self._waiting else None
            self._turn = following is not None
            self._last_turn = time.monotonic()
            self._condition.notify_all()
        if following is not None:
            self._spawn(following)

    # The turn, for others than callers

    @property
    def held(self) -> bool:
        """Whether this process has the worker's lease."""
        return self._driver is not None

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

    def in_background(self, work: Callable[[Driver], object]) -> None:
        """Do something with the turn in a thread, as soon as it can be had; not where another process runs it."""

        def wait_and_work() -> None:
            try:
                with suppress(LeaseError, InvocationError), self.turn() as driver:
                    work(driver)
            except DamagedError as damage:
                self.engine.tell_once(f"warning: {damage}")
            except StoreError:
                if not self.engine.closed:  # else it goes on when the worker is opened again
                    raise

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
            self._backlog.clear()
            self._forgotten = True
        for job in jobs:
            job.fail(error)

    def release_if_idle(self, seconds: float) -> None:
        """Let go of the instance and the lease if nothing was done with the worker for so long."""
        with self._condition:
            idle = self._driver is not None and not self._turn
            if not idle or time.monotonic() - self._last_turn < seconds:
                return
            driver, self._driver = self._driver, None
            self._backlog.clear()
        if driver is not None:
            driver.close()

    def close(self) -> None:
        """Let go of the instance and the lease; what runs stops as it would if the process died."""
        driver = self._driver
        if driver is None:
            return
        with self._condition:
            self._waiting.clear()
            self._backlog.clear()
            running = self._turn
        if running:
            driver.signal(Closing())
            with self._condition:
                stopped = self._condition.wait_for(lambda: not self._turn, _CLOSING_SECONDS)
            if not stopped:  # a guest that makes no host calls: it ends with the process, and keeps the lease till then
                return
        driver.close()
        self._driver = None
