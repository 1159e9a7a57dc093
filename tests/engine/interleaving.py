"""Runs threads of the engine one at a time, in every order: who goes on is chosen at each lock, wait and lease.

Actors are real threads on real workers, files and leases. They hand over where they let go of a worker's condition,
wait, sleep, take a lease, write, or start a thread; between two such places nobody else runs. `explore` runs a
scenario once per order: it goes back to each choice and takes the other ways, as long as no more than a number of
actors were stopped where they could have gone on. Time passes when nobody can go on but by that.
"""

from __future__ import annotations

import random
import threading
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.bridge import threads as guest_threads
from durable_dsl.engine.invocations import invocation
from durable_dsl.engine.oplog.log import Oplog
from durable_dsl.engine.oplog.store import Store
from durable_dsl.engine.remote import calls
from durable_dsl.engine.worker import background, idle, opening, other_processes, turns

if TYPE_CHECKING:
    from collections.abc import Callable

_REAL_SECONDS = 30.0  # after which an actor that does not hand over is stuck
_MOST_STEPS = 600
_TOLD = 60


class Hang(AssertionError):
    """Nobody can go on."""


class _GivenUp(BaseException):
    """Ends the actors of a run that is over."""


class Actor:
    def __init__(self, name: str, work: Callable[[], Any], *, counts: bool) -> None:
        self.name = name
        self.counts = counts  # else it is a thread of the engine's
        self.go = threading.Semaphore(0)
        self.can: Callable[[], bool] | None = None
        self.wakes_at: float | None = None
        self.at = "its beginning"
        self.done = False
        self.value: Any = None
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, args=(work,), daemon=True, name=name)
        self.work = work

    def _run(self, work: Callable[[], Any]) -> None:
        _current.actor = self
        self.go.acquire()
        try:
            self.value = work()
        except _GivenUp:
            pass
        except BaseException as error:  # noqa: BLE001 - looked at when all is over
            self.error = error
        self.done = True
        _run().handed_over.release()

    @property
    def ready(self) -> bool:
        return self.can is None or self.can()


_current = threading.local()
_active: list[Run] = []


def _run() -> Run:
    return _active[-1]


class Run:
    """One order. `choices` says who goes on at each choice, as far as it goes; then whoever is running stays."""

    def __init__(self, choices: list[int]) -> None:
        self.choices = choices
        #: At each choice: how many could go on, who did, and whether the first of them was the one that ran.
        self.taken: list[tuple[int, int, bool]] = []
        self.actors: list[Actor] = []
        self.now = 1000.0
        self.handed_over = threading.Semaphore(0)
        self.over = False
        self.told: list[str] = []

    def do(self, work: Callable[[], Any]) -> Any:
        """Have one more actor do something when all is over, and see it through."""
        actor = self.add("afterwards", work)
        self.play()
        if actor.error is not None:
            raise actor.error
        return actor.value

    def busy(self) -> bool:
        """Whether an actor that counts is at work."""
        return any(not actor.done for actor in self.actors if actor.counts)

    def sleep(self, seconds: float) -> None:
        self.pause("a sleep", lambda: False, self.now + seconds)

    def add(self, name: str, work: Callable[[], Any], *, counts: bool = True) -> Actor:
        actor = Actor(name, work, counts=counts)
        self.actors.append(actor)
        actor.thread.start()
        return actor

    def pause(self, at: str, can: Callable[[], bool] | None = None, wakes_at: float | None = None) -> None:
        """In an actor: hand over, and go on when chosen; `can` says whether that is possible."""
        actor = getattr(_current, "actor", None)
        if actor is None or actor not in self.actors:
            assert can is None or can(), f"nobody is there who could bring about {at}"
            return
        if self.over:  # on its way out
            raise _GivenUp
        actor.at, actor.can, actor.wakes_at = at, can, wakes_at
        self.handed_over.release()
        actor.go.acquire()
        if self.over:
            raise _GivenUp
        actor.can = actor.wakes_at = None

    def play(self) -> None:
        running: Actor | None = None
        while self.busy() or any(not actor.done and actor.ready for actor in self.actors):
            able = self._able()
            if running in able:  # first, so that choice 0 stays with it
                able.remove(running)
                able.insert(0, running)
            chosen = 0
            if len(able) > 1:
                at = len(self.taken)
                chosen = self.choices[at] if at < len(self.choices) else 0
                self.taken.append((len(able), chosen, able[0] is running))
            if able[chosen] is not running:
                self.told.append(f"{able[chosen].name} from {able[chosen].at}")
            running = able[chosen]
            if len(self.told) > _MOST_STEPS:
                raise Hang(f"it goes on without an end: {self._stuck()}")
            running.go.release()
            if not self.handed_over.acquire(timeout=_REAL_SECONDS):
                raise Hang(f"{running.name} does not come back from {running.at}")

    def _able(self) -> list[Actor]:
        while True:
            alive = [actor for actor in self.actors if not actor.done]
            able = [actor for actor in alive if actor.ready and actor.wakes_at is None]
            due = [actor for actor in alive if actor.wakes_at is not None and (actor.wakes_at <= self.now)]
            if able or due:
                return able + due
            waiting = [actor.wakes_at for actor in alive if actor.wakes_at is not None]
            if not waiting:
                raise Hang(f"nobody can go on: {self._stuck()}")
            self.now = min(waiting)

    def _stuck(self) -> str:
        return ", ".join(f"{actor.name} at {actor.at}" for actor in self.actors if not actor.done)

    def end(self) -> None:
        self.over = True
        for actor in self.actors:
            if not actor.done:
                actor.go.release()
        for actor in self.actors:
            actor.thread.join(_REAL_SECONDS)
            assert not actor.thread.is_alive(), f"{actor.name} has no end at {actor.at}"


class Clock:
    """The time of the run that is being made, for an engine."""

    def now(self) -> int:
        return round(_run().now * 1e9) if _active else 0

    def wait(
        self, condition: Condition, until: int | None, *, outside: bool = False, again: float | None = None
    ) -> None:
        left = None if until is None else max(0.0, (until - self.now()) / 1e9)
        condition.wait(min((each for each in (left, again) if each is not None), default=None))


class Condition:
    """In the place of threading.Condition."""

    def __init__(self, _lock: object = None) -> None:
        self._owner: object = None
        self._depth = 0
        self._notified: set[object] = set()
        self._waiting: list[object] = []

    def _me(self) -> object:
        return getattr(_current, "actor", None) or threading.current_thread()

    def acquire(self, blocking: bool = True) -> bool:
        me = self._me()
        if self._owner is not me:
            if self._owner is not None:
                if not blocking or _run().over:
                    return False
                _run().pause("a lock that is held", lambda: self._owner is None)
            self._owner = me
        self._depth += 1
        return True

    def release(self) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = None
            if _active:
                _run().pause("letting go of a lock")

    __enter__ = acquire

    def __exit__(self, *_: object) -> None:
        if self._owner is self._me():  # not where the run was given up
            self.release()

    def wait(self, timeout: float | None = None) -> bool:
        me, depth = self._me(), self._depth
        ticket = object()
        self._waiting.append(ticket)
        self._owner, self._depth = None, 0
        run = _run()
        woken = False
        try:
            run.pause(
                "a wait",
                lambda: ticket in self._notified and self._owner is None,
                None,
            ) if timeout is None else self._timed(ticket, timeout)
            woken = ticket in self._notified
            if self._owner is not None:
                run.pause("a lock that is held", lambda: self._owner is None)
        finally:
            self._notified.discard(ticket)
            if ticket in self._waiting:
                self._waiting.remove(ticket)
            if not run.over:
                self._owner, self._depth = me, depth
        return woken

    def _timed(self, ticket: object, timeout: float) -> None:
        run = _run()
        until = run.now + timeout
        while ticket not in self._notified and run.now < until:
            run.pause("a wait for a time", lambda: False, until)

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        run = _run()
        until = None if timeout is None else run.now + timeout
        while not (found := predicate()):
            if until is not None and run.now >= until:
                return predicate()
            self.wait(None if until is None else until - run.now)
        return found

    def notify_all(self) -> None:
        self._notified.update(self._waiting)
        self._waiting.clear()
        for actor in _run().actors:  # whoever waits for a time, too, looks
            if actor.at == "a wait for a time":
                actor.wakes_at = min(actor.wakes_at or 0.0, _run().now)

    notify = notify_all


class Event:
    """In the place of threading.Event."""

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True

    def wait(self, timeout: float | None = None) -> bool:
        if not self._set:
            assert timeout is None
            _run().pause("an outcome", lambda: self._set)
        return self._set


class Thread:
    """In the place of threading.Thread: another actor."""

    def __init__(self, target: Callable[..., Any], args: tuple[Any, ...] = (), **_options: Any) -> None:
        self._target, self._args = target, args
        self._actor: Actor | None = None

    def start(self) -> None:
        self._actor = _run().add("a thread", lambda: self._target(*self._args), counts=False)
        _run().pause("having started a thread")

    def is_alive(self) -> bool:
        return self._actor is not None and not self._actor.done


def _sleep(seconds: float) -> None:
    _run().sleep(seconds)


@contextmanager
def interleaved(monkeypatch: Any) -> Any:
    """Within it, new workers have their threads run one at a time."""
    real = threading
    fake = SimpleNamespace(
        Condition=Condition, Event=Event, Thread=Thread, Lock=real.Lock, get_ident=real.get_ident,
        current_thread=real.current_thread, main_thread=real.main_thread,
    )  # fmt: skip
    clock = SimpleNamespace(monotonic=lambda: _run().now, sleep=_sleep)
    lease, transaction, commit = opening.Lease, Store.transaction, Oplog.commit

    def takes_lease(*arguments: Any) -> Any:
        _run().pause("taking a lease")
        return lease(*arguments)

    def writes(store: Store, work: Any) -> Any:
        if not getattr(_current, "commits", False):
            _run().pause("writing")
        return transaction(store, work)

    def commits(log: Oplog) -> None:
        _run().pause("committing")
        _current.commits = True  # under locks of the log's own, where nobody else may run
        try:
            commit(log)
        finally:
            _current.commits = False

    with monkeypatch.context() as patch:
        for module in (turns, background, invocation, calls):
            patch.setattr(module, "threading", fake)
        for module in (other_processes, idle, calls):
            patch.setattr(module, "time", clock)
        # An actor runs guests itself: its caller only waits for it.
        patch.setattr(guest_threads, "call", lambda _broken, task, *arguments: task(*arguments))
        patch.setattr(guest_threads, "enter", lambda _broken, guest, *arguments: guest(*arguments))
        patch.setattr(guest_threads, "start", lambda task, *arguments: Thread(task, arguments).start())
        patch.setattr(opening, "Lease", takes_lease)
        patch.setattr(Store, "transaction", writes)
        patch.setattr(Oplog, "commit", commits)
        yield


def explore(
    monkeypatch: Any, scenario: Callable[[Run], Callable[[], None]], *, preemptions: int = 2, most: int | None = None
) -> int:
    """Run `scenario` in every order, or in `most` of them; how many that were.

    It adds its actors to the run that it gets, and gives back what has to hold at the end.
    """
    draw = random.Random(0)
    to_try: list[list[int]] = [[]]
    count = 0
    with interleaved(monkeypatch):
        while to_try and (most is None or count < most):
            choices = to_try.pop(draw.randrange(len(to_try)) if most is not None else -1)
            run = Run(choices)
            _active.append(run)
            try:
                holds = scenario(run)
                run.play()
                order = list(run.taken)
                holds()
            except BaseException as error:
                error.add_note("in the order: " + ", then ".join(run.told[:_TOLD]))
                raise
            finally:
                run.end()
                _active.pop()
            count += 1
            to_try.extend(_others(order, len(choices), preemptions))
    return count


def _others(order: list[tuple[int, int, bool]], known: int, preemptions: int) -> list[list[int]]:
    """The orders that leave this one at a choice after the first `known` of them."""
    found = []
    stopped = 0
    for at, (able, chosen, stays) in enumerate(order):
        if at >= known and stopped + stays <= preemptions:
            found += [[one for _, one, _ in order[:at]] + [other] for other in range(1, able)]
        stopped += bool(stays and chosen)
    return found
