"""Who runs in a worker when. The worker of one process is in one of these states:

| state | driver and lease | turn | who moves it on, and to what |
|---|---|---|---|
| away | none | free | whoever calls or steers it: opens it and takes the turn in one step, to *busy* |
| idle | held | free | whoever calls or steers it, or looks at its queue, to *busy*; the watcher, the bound on idle workers or another process that asks for it, to *away* |
| busy | held | taken | the thread with the turn: gives it to the next accepted invocation (*busy*), or frees it: to *idle*, to *away* where another process wants the worker, to *closed* where that was asked for |
| closed | none | free | nobody: the engine was closed, or the worker deleted |

Every step is made under the worker's condition, so nobody sees anything in between. The turn is an object that its
owner made; giving it back does nothing where it is somebody else's by then, so every way out of what is done with the
turn may give it back, and does. Invocations have the turn one after another; whoever steers the worker waits for it
too, so that nothing runs meanwhile. No invocation is finished under the condition, because whoever is told takes its
own. How invocations are accepted is in `accepting`, what waits in `backlog`.
"""  # noqa: E501 - a table

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.bridge import threads as guest_threads
from durable_dsl.engine.directory.lease import Lease, seen
from durable_dsl.engine.errors import InvocationError, StoreError, UsageError
from durable_dsl.engine.grants.permissions import Permissions
from durable_dsl.engine.invocations import results
from durable_dsl.engine.invocations.backlog import Backlog
from durable_dsl.engine.invocations.queue import Queue
from durable_dsl.engine.oplog.summary import OVER, Summary
from durable_dsl.engine.signals import Closing
from durable_dsl.engine.standing import reading
from durable_dsl.engine.worker import control
from durable_dsl.engine.worker.opening import closed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from durable_dsl.engine.directory.catalogue import WorkerRow
    from durable_dsl.engine.invocations.component import LoadedComponent
    from durable_dsl.engine.invocations.invocation import Invocation
    from durable_dsl.engine.signals import Signal
    from durable_dsl.engine.worker.driver import Driver
    from durable_dsl.engine.worker.process import Process

_CLOSING_SECONDS = 2.0
#: A worker in one of these goes on only when somebody wants it to.
_STOPPED = OVER | {"interrupted"}


class Turns:
    """The turn of one worker in this process; `Worker` is what its users hold."""

    def __init__(self, engine: Process, row: WorkerRow) -> None:
        self.engine = engine
        self.id = row.id
        self.name = row.name
        #: The name of its component.
        self.component = row.component
        #: What it may do.
        self.permissions = Permissions(engine.store, engine.secrets, row.id, row.name, row.component)
        self._condition = threading.Condition()
        self._queue = Queue(engine.store, row.id)
        self._backlog = Backlog(engine.schedule.fill_queue, engine.tell_once, row, self._queue)
        self._driver: Driver | None = None
        self._turn: object | None = None
        self._steerers = 0  # who waits for the turn
        self._asked_for = False  # by another process
        self._closing = self._deleted = False

    @property
    def version(self) -> int:
        """The version of its component that it is on."""
        driver = self._driver
        return driver.summary.version if driver is not None else self.summary().version

    @property
    def status(self) -> str:
        """One of idle running unfinished suspended interrupted retrying failed exited."""
        driver = self._driver
        return self._seen(driver.status if driver is not None else self.summary().status)

    def _seen(self, status: str) -> str:
        return status if self._turn is not None else seen(status, self.engine.leases, self.id, ours=self.held)

    def summary(self) -> Summary:
        """What the oplog on disk amounts to."""
        return reading.current(self.engine.store, self.id)

    def _build(self) -> LoadedComponent:
        return self.engine.component_of(self.component, self.version)

    @property
    def held(self) -> bool:
        """Whether this process has the worker's lease."""
        return self._driver is not None

    @property
    def running(self) -> bool:
        """Whether a thread of this process is in the worker now."""
        return self._turn is not None

    # Holding the condition

    def _new_driver(self) -> Driver:
        raise NotImplementedError

    def _open(self) -> Driver:
        """Take the lease and see what there is, where that is not so yet."""
        if self._driver is None:
            if self._deleted:
                raise UsageError(f"worker {self.name!r} was deleted")
            if self._closing or self.engine.closed:
                raise StoreError(str(self.engine.store.path), "the engine was closed")
            driver = self._new_driver()
            try:
                if not driver.summary.last:
                    raise UsageError(f"worker {self.name!r} was deleted")
                control.forget(self.engine, self.id)
                self._queue.tidy()
                self._backlog.read(self._build_of(driver))
            except BaseException:
                driver.close()
                raise
            self._driver = driver
            self.engine.idle.add(self)
            self.engine.watch()
        return self._driver

    def _build_of(self, driver: Driver) -> LoadedComponent:
        return self.engine.component_of(self.component, driver.summary.version)

    def _take(self, turn: object) -> None:
        assert self._driver is not None
        self._turn = turn
        self.engine.idle.discard(self)

    def _let_go(self) -> list[Invocation]:
        """Close the driver; who has to be told that nothing becomes of an invocation."""
        driver, self._driver = self._driver, None
        self._asked_for = False
        self.engine.idle.discard(self)
        left = self._backlog.abandon()
        if driver is not None:
            driver.close()
        return left

    # Running

    def look_at_queue(self) -> None:
        """Run what another worker has put into the queue, in a thread."""
        mine = object()
        try:
            with self._condition:
                driver = self._open()
                if driver.status in OVER:
                    return
                self._backlog.read(self._build_of(driver), again=True)
                self._backlog.want()
                if self._turn is None:
                    self._take(mine)
        finally:
            self._give_on(mine)

    def _hand_on(self, turn: object, job: Invocation) -> None:
        """With the turn: have `job`, and what waits behind it, run in a thread of its own, whose turn it is now."""
        handed = object()
        with self._condition:
            assert self._turn is turn
            self._turn = handed
        try:
            guest_threads.start(self._serve, handed, job)
        except UsageError:  # the system gives no thread: that is told through the invocation
            self._serve(handed, job)
        except BaseException as error:
            if self._turn is handed:  # the thread has not begun
                self._abandon(error)
                self._give_on(handed)
            raise

    def _serve(self, handed: object, job: Invocation) -> None:
        mine = object()
        with self._condition:
            if self._turn is not handed:
                return
            self._turn = mine
        try:
            following: Invocation | None = job
            while following is not None:
                with suppress(Exception):  # even a fault of the host is told through the invocation
                    self._drive(following)
                following = self._following(mine)
        finally:
            self._give_on(mine)

    def _drive(self, job: Invocation) -> None:
        """With the turn: run `job`."""
        driver = self._driver
        assert driver is not None
        try:
            self.run(driver, job)
        except BaseException as error:  # also one that came before it ran, as Ctrl-C may
            self._abandon(error)
            raise

    def run(self, driver: Driver, job: Invocation | None = None) -> InvocationError | None:
        """With the turn: run `job`, or what is under way. Failures are told through the invocations, and returned."""
        try:
            driver.run(job)
        except UsageError as error:  # found by the instance, before anything ran: this caller's alone
            if job is None:
                raise
            self._refused(job, error)
        except InvocationError as error:
            if job is not None and results.ended_well(job.export, error):
                self._publish(job.key, results.SUCCESS)
            self._abandon(error)
            return error
        except BaseException as error:
            self._abandon(error)
            raise
        return None

    def _refused(self, job: Invocation, error: UsageError) -> None:
        with self._condition:
            self._backlog.done(job.key)
        if job.queued:  # else each process that opens the worker would find it there, and refuse it again
            self._queue.remove(job.key)
        job.fail(error)

    def _publish(self, key: str, value: Any) -> None:
        with self._condition:
            job = self._backlog.done(key)
        if job is not None:
            job.finish(value)

    def _abandon(self, error: BaseException) -> None:
        """Tell every caller; what is queued stays on disk, for when the worker can go on."""
        with self._condition:
            jobs = self._backlog.abandon()
        for job in jobs:
            job.fail(error)

    def _following(self, turn: object) -> Invocation | None:
        """What runs next with this turn; where nothing does, or the turn is another's, it is free now, or theirs."""
        left: list[Invocation] = []
        with self._condition:
            if self._turn is not turn:
                return None
            job = None if self._closing else self._backlog.next()
            if job is not None:
                return job
            self._turn = None
            self._condition.notify_all()
            if self._closing or (self._asked_for and not self._steerers):
                left = self._let_go()
            else:
                self.engine.idle.add(self)
        for job in left:
            job.fail(closed(deleted=self._deleted))
        self.engine.idle.trim()
        return None

    def _give_on(self, turn: object) -> None:
        """Give the turn to what waits, in a thread of its own, or free it; not where it is another's."""
        job = self._following(turn)
        if job is not None:
            self._hand_on(turn, job)

    # The turn, for others than callers

    @contextmanager
    def turn(self) -> Iterator[Driver]:
        """Wait for the worker's turn and have it: nothing runs in the worker meanwhile."""
        with self.turn_unless(lambda _driver: False) as driver:
            assert driver is not None
            yield driver

    @contextmanager
    def turn_unless(self, done: Callable[[Driver], bool]) -> Iterator[Driver | None]:
        """The same; None as soon as `done(driver)` has done what is wanted, to whatever has the turn."""
        mine = object()
        try:
            with self._condition:
                driver: Driver | None = self._open()
                self._steerers += 1
                try:
                    while self._turn is not None:
                        if self._driver is not None and done(self._driver):
                            driver = None
                            break
                        self._condition.wait()
                    else:
                        driver = self._open()
                        self._take(mine)
                finally:
                    self._steerers -= 1
            yield driver
        finally:
            self._give_on(mine)

    def take_up_queue(self, driver: Driver) -> None:
        """With the turn: have what was accepted run when it is given on, unless the worker has stopped."""
        if driver.status not in _STOPPED:
            with self._condition:
                self._backlog.read(self._build_of(driver))
                self._backlog.want()

    def signal(self, signal: Signal) -> bool:
        """End what runs or waits in this process with `signal`; False where nothing does."""
        driver = self._driver
        return driver is not None and driver.signal(signal)

    def wake(self) -> bool:
        """Let a suspended worker look again whether it can go on; False if this process does not run it."""
        with self._condition:
            if self._driver is None or self._turn is None:
                return False
            self._driver.wake()
            return True

    def settle(self) -> None:
        """Wait until nothing runs in the worker and nothing waits for its turn."""
        with self._condition:
            self._condition.wait_for(lambda: self._turn is None)

    def while_running(self, done: Callable[[Driver], bool]) -> bool:
        """`done(driver)` where something has the turn now; False where nothing has."""
        with self._condition:
            return self._turn is not None and self._driver is not None and done(self._driver)

    def wait_while_running(self, done: Callable[[], bool]) -> None:
        """The same, or until `done()`, which is looked at when something has happened."""
        with self._condition:
            self._condition.wait_for(lambda: self._turn is None or done())

    def pause(self, seconds: float) -> None:
        """Wait until something has happened in the worker, at most for so long."""
        with self._condition:
            self._condition.wait(seconds)

    # Letting go

    def release_if_idle(self, *, waits: bool = True) -> bool:
        """Let go of the instance and the lease if nobody has the turn; whether this process holds it no longer.

        Where it does not wait, a worker that somebody looks at just now is let alone.
        """
        if not self._condition.acquire(blocking=waits):
            return False
        try:
            if self._turn is None and self._driver is not None and not self._steerers:
                self._let_go()
            return self._driver is None
        finally:
            self._condition.release()

    def release_for_others(self) -> None:
        """The same, or as soon as what runs and waits here is done."""
        with self._condition:
            self._asked_for = not self.release_if_idle()

    def close(self) -> None:
        """Let go of the instance and the lease; what runs stops as it would if the process died."""
        with self._condition:
            left = self._stop()
        for job in left:
            job.fail(closed(deleted=False))

    def delete(self) -> None:
        """Delete the worker with its history; what runs stops. Raises LeaseError where another process runs it."""
        left: list[Invocation] = []
        try:
            with self._condition:
                self._deleted = True  # nobody opens it any more
                left = self._stop()
                lease = Lease(self.engine.leases, self.id, self.name)
                try:
                    self.engine.catalogue.delete_worker(self.id, self.name)
                    lease.remove()
                finally:
                    lease.close()
        except BaseException:
            self._deleted = self._closing = False
            raise
        finally:
            for job in left:
                job.fail(closed(deleted=True))

    def _stop(self) -> list[Invocation]:
        """Holding the condition: have what runs end, and let go; who has to be told."""
        self._closing = True
        if self._turn is None:
            return self._let_go()
        if self._driver is not None:
            self._driver.signal(Closing(deleted=self._deleted))
            # A guest that makes no host calls ends with the process, and keeps the lease till then.
            self._condition.wait_for(lambda: self._turn is None, _CLOSING_SECONDS)
        return []
