"""Runs a worker: instances come and go, and after each end of a guest call it is decided here what follows.

The oplog outlives the instances. An end is recorded where its kind has an entry, then the next attempt replays at
once (a jump, a simulated crash), after a delay (a failure with retries left), after a wait without an instance (a long
sleep, a promise), or never. Only the thread that has the worker's turn comes in here; `signal` may be called by any.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.bridge import threads as guest_threads
from durable_dsl.engine.clock import LAST
from durable_dsl.engine.diagnosis import place as diagnosis
from durable_dsl.engine.diagnosis import undone_steps
from durable_dsl.engine.errors import InvocationError, UsageError
from durable_dsl.engine.invocations import results
from durable_dsl.engine.oplog.entries import Entry, Error, Exited, Interrupted, Suspend
from durable_dsl.engine.oplog.log import Oplog
from durable_dsl.engine.oplog.summary import OVER, Summary
from durable_dsl.engine.replay import snapshots
from durable_dsl.engine.replay.failures import Told, tell
from durable_dsl.engine.replay.session import Session
from durable_dsl.engine.replay.suspension import LOOKS_AGAIN
from durable_dsl.engine.replay.time_limit import TimeLimit
from durable_dsl.engine.signals import (
    Broken,
    Closing,
    Divergence,
    Exit,
    Failure,
    Interrupt,
    NotGranted,
    Restart,
    Rewind,
    Signal,
    Suspended,
    TimedOut,
    UnfinishedWrite,
)
from durable_dsl.engine.standing.keeper import Keeper
from durable_dsl.engine.traps import GuestTrap
from durable_dsl.engine.worker.opening import amounts_to, closed, lease_of
from durable_dsl.engine.worker.snapshots import Snapshots
from durable_dsl.engine.worker.updates import transition
from durable_dsl.printable import shortened

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator

    from durable_dsl.engine.invocations.invocation import Invocation
    from durable_dsl.engine.oplog.cursor import Cursor
    from durable_dsl.engine.oplog.regions import Regions
    from durable_dsl.engine.worker.handle import Worker


class Driver:
    """The running side of one worker, made when the worker is first run by this process; holds its lease."""

    def __init__(self, worker: Worker, condition: threading.Condition, publish: Callable[[str, Any], None]) -> None:
        engine = worker.engine
        self.worker = worker
        self._engine = engine
        self._condition = condition
        self._publish = publish
        self._lease = lease_of(worker)
        self._session: Session | None = None
        self._entered = False  # between the beginning and the end of a `run`
        self._closing: Closing | None = None
        self._signal: Signal | None = None
        self._wanted = False  # it had stopped for the want of a grant
        self._limit = None if engine.timeout is None else TimeLimit(engine.timeout, self._time_is_over)
        self.places = engine.places
        self.keeps = engine.keep_idle
        try:
            self.summary: Summary = amounts_to(engine.store, worker.id)
        except BaseException:  # damaged: others may want to take back what is
            self._lease.close()
            raise
        self.status = self.summary.status
        self.log = Oplog(engine.store, worker.id, engine.clock, self.summary.ends)
        self.log.keeper = self._keeper = Keeper(engine.store, worker.id)
        self._keeper.begin(self.summary)
        self.snapshots = Snapshots(self)

    def close(self) -> None:
        try:
            self.drop_session()
            self._keeper.finish()
        finally:
            self._lease.close()

    def drop_session(self) -> None:
        """Give the instance up; the next step replays."""
        with self._condition:  # whoever has a signal for it comes before, or finds none
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def signal(self, signal: Signal) -> bool:
        """End what runs now with `signal`, be it a guest or a wait between attempts; False where nothing runs.

        Closing ends what is just about to run, too.
        """
        with self._condition:
            if isinstance(signal, Closing):
                self._closing = signal
            if not self._entered:
                return False
            self._signal = signal
            if self._session is not None:
                self._session.interrupt(signal)
            self._condition.notify_all()
            return True

    def _time_is_over(self, signal: TimedOut) -> None:
        """Of an invocation, or of what runs beside them, such as the saving of a snapshot."""
        if not self.signal(signal):
            with self._condition:
                if self._session is not None:
                    self._session.interrupt(signal)

    def wake(self) -> None:
        """Somebody wants the worker: a suspended one looks whether what it waits for has come."""
        with self._condition:
            self._condition.notify_all()

    def settled(self) -> None:
        """An update was; whoever waits for that looks."""
        with self._condition:
            self._condition.notify_all()

    def run(self, job: Invocation | None) -> None:
        """Run `job`, or with None what is under way, to its end; raises where that is a failure."""
        with self._condition:
            if self._closing is not None:
                raise closed(deleted=self._closing.deleted)
            self._entered = True
            self._condition.notify_all()  # who waits to stop it can
        if self._limit is not None:
            self._limit.lasting = True
        try:
            guest_threads.call(lambda error: self.signal(Broken(error)), self._steps, job)
        except (InvocationError, UsageError):
            raise
        except BaseException:  # a fault of the host, or Ctrl-C: the instance stands somewhere in the middle
            self.drop_session()
            raise
        finally:
            if self._limit is not None:
                self._limit.lasting = False
                self._limit.close()
            self._leave()

    def _steps(self, job: Invocation | None) -> None:
        self._step(job)
        while not self._left(job):
            self._step(job)
        self.snapshots.take_if_due()

    def _left(self, job: Invocation | None) -> bool:
        """Whether `run` is over. A restart that came when the invocation was done is carried out before."""
        with self._condition:
            if self._session is None or not (job is None or job.done):
                return False
            if isinstance(self._signal, Restart):
                self._signal = None
                self.drop_session()
                return False
            self._entered = False
            return True

    def _leave(self) -> None:
        """A signal that came too late to end what ran must not end what runs next."""
        with self._condition:
            self._entered = False
            late = self._signal is not None or (self._session is not None and self._session.host.signal is not None)
            self._signal = None
            if late:
                self.drop_session()

    def _step(self, job: Invocation | None) -> None:
        """One attempt: replay if there is no instance, then the job; what ended it decides what follows."""
        end: Signal | GuestTrap
        try:
            session = self.session()
            if session.host.asides.continued and self.snapshots.take() is None:  # it was killed before that
                session = self.session()
            if job is not None and not job.done:
                before, self.status = self.status, "running"
                try:
                    value = session.invoke(job)
                except UsageError:  # nothing ran
                    self.status = before
                    raise
                self._completed(job.key, value)
        except (Signal, GuestTrap) as signal:
            end = signal
        else:
            return
        ended = self._session
        assert ended is not None
        self.drop_session()
        self._ended(ended, end)

    def _start(self) -> Session:
        """A new instance, and the history in it; completes what was under way."""
        self.reload()
        self._wanted = self.worker.permissions.wants is not None
        if self.summary.pending_update is not None:
            attempted = transition.attempt(self)
            if attempted is not None:
                return attempted
            self.reload()
            if self.status in OVER:  # it is as it was; nothing is tried again
                said = f"worker {self.worker.name!r} is {self.status} and could not be updated"
                raise InvocationError("UpdateFailed", said, "", self.status)
        self.snapshots.have_newest()
        self.snapshots.begin()
        session = self.new_session(self.summary.version, self.summary.skipped)
        session.open()
        if self.summary.snapshot is not None:
            snapshots.load(session, self.summary.snapshot)
        self.replay(session)
        return session

    def reload(self) -> None:
        """See anew what the oplog amounts to."""
        self.log.commit()
        self.summary = amounts_to(self._engine.store, self.worker.id)
        self._keeper.begin(self.summary)
        self.status = self.summary.status

    def new_session(self, version: int, regions: Regions, cursor: Cursor | None = None) -> Session:
        """The instance from now on; with a `cursor` one that replays what that says."""
        component = self._engine.component_of(self.worker.component, version)
        session = Session(self.worker, component, self.log, regions, self._condition, cursor)
        session.host.keeper = self
        session.limit = self._limit
        with self._condition:
            self._session = session
            signal = self._signal
        if signal is not None:
            session.interrupt(signal)
        return session

    def replay(self, session: Session) -> None:
        """Run the history; the invocation that was under way is completed and published."""
        if self.summary.underway is not None:
            self.status = "running"
        finished = session.replay()
        if finished is not None:
            self._completed(*finished)

    @property
    def current(self) -> Session | None:
        """The instance there is, if there is one."""
        return self._session

    def session(self) -> Session:
        """The instance, with its history; for whoever has the turn."""
        return self._session or self._start()

    def _completed(self, key: str, value: Any) -> None:
        self.summary.underway = None
        self.summary.failures = {}
        self.status = "idle"
        self.snapshots.completed()
        if self._wanted:
            self.worker.permissions.stopped(None)
            self._wanted = False
        self._publish(key, value)

    def take_snapshot(self) -> str | None:
        """Take a snapshot now; why there is none, where that is so. Between invocations, with the worker's turn."""
        refused: str | None = guest_threads.call(lambda error: self.signal(Broken(error)), self.snapshots.take)
        return refused

    # What follows

    def _ended(self, session: Session, end: Signal | GuestTrap) -> None:
        """Returns when the next attempt may start, raises where there is none."""
        match end:
            case Rewind() | Restart():
                if self._signal is end:
                    self._signal = None
                self.log.commit()
            case Suspended(until=until, sooner=sooner):
                if end.recorded:
                    self.status = "suspended"
                else:
                    self._record(Suspend(until, end.promise), "suspended")
                self._rest(until, sooner)
            case Exit(status=status):
                session.host.output.release()
                self._record(Exited(status), "exited")
                raise results.exit_error(status)
            case Interrupt():
                self._interrupted(end)
            case Closing(deleted=deleted):
                raise closed(deleted=deleted)
            case Broken(error=error):
                raise error
            case NotGranted():
                self.reload()
                self.worker.permissions.stopped(str(end))
                self._engine.tell_once(f"worker {self.worker.name}: {end}")
                raise InvocationError("NotGranted", str(end), "", self.status)
            case Divergence():
                self.status = self.summary.status
                raise InvocationError("Divergence", self._with_place(session, str(end)), "", self.status)
            case GuestTrap() if session.host.cursor.strict:
                self.status = self.summary.status
                told = tell(end, session.host.output, session.component.roots)
                message = session.host.cursor.instead(f"{told.type}: {told.message}")
                raise InvocationError("Divergence", message, told.traceback, self.status)
            case UnfinishedWrite():
                message = self._with_place(session, end.message)
                self._failed(session, replace(tell(end, session.host.output, None), message=message))
            case Failure() | GuestTrap():
                self._failed(session, tell(end, session.host.output, session.component.roots))

    def _with_place(self, session: Session, said: str) -> str:
        """A message about a host call, with the line of the guest's source that made it where that can be found."""
        place = diagnosis.place_of(session, self.summary.snapshot)
        return said if place is None else f"{said}; called at {place}"

    def _record(self, entry: Entry, status: str) -> None:
        self.log.append(entry)
        self.log.commit()
        self.status = status

    def _failed(self, session: Session, told: Told) -> None:
        """A failed attempt: record it, and wait for the next one where the policy has one."""
        host = session.host
        point = host.retry_point
        failures = self.summary.failures.get(point, 0) + 1
        delay = host.policy_in_force.next_delay(failures) if told.retriable else None
        status = "failed" if delay is None else "retrying"
        if delay is None and told.by_host:
            self.log.commit()
            told = replace(told, message="\n".join([told.message, *undone_steps.lines_of(session)]))
        self._record(Error(told.type, told.message, told.traceback, point, delay is None), status)
        if delay is None:
            raise InvocationError(told.type, told.message, told.traceback, "failed")
        self._engine.notify(
            f"worker {self.worker.name}: {told.type}: {shortened(told.message)}; "
            f"retry {failures} of {host.policy_in_force.max_attempts} in {delay / 1e9:g} s"
        )
        self._rest(min(self._engine.clock.now() + delay, LAST))

    def _rest(self, until: int | None, sooner: Callable[[], bool] | None = None) -> None:
        """Wait, without an instance, until a time or until what `sooner` asks for has come.

        Another process may bring that about, so it is asked now and then.
        """
        clock = self._engine.clock
        again = None if sooner is None else LOOKS_AGAIN
        with self._condition:
            while self._signal is None and not (until is not None and clock.now() >= until):
                if sooner is not None and sooner():
                    break
                clock.wait(self._condition, until, again=again)
        self._carry_out_signal()

    @contextmanager
    def suspended(self, until: int | None, promise: str | None) -> Iterator[None]:
        """The worker is suspended while this is open, and goes on in its instance afterwards."""
        self._record(Suspend(until, promise), "suspended")
        yield
        self.status = "running"

    def _carry_out_signal(self) -> None:
        """A signal came while nothing ran: an interrupt is carried out here, a restart is what follows anyway."""
        signal, self._signal = self._signal, None
        if isinstance(signal, Interrupt):
            self._interrupted(signal)
        if isinstance(signal, Closing):
            raise closed(deleted=signal.deleted)
        if isinstance(signal, Broken):
            raise signal.error

    def _interrupted(self, by: Interrupt) -> None:
        self._signal = None
        self._record(Interrupted(), "interrupted")
        raise InvocationError(by.type, by.message, "", "interrupted")
