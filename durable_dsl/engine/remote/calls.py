"""Calls from one worker to another of the same data directory, whichever process runs that.

A call has a key of its own, so that it can be made again after a crash: the callee answers from its oplog. A callee
that does not exist is made, on the newest build of its component. One that another process holds is asked for, and
taken over as soon as that process lets it go. Calls that could only wait for each other for ever are refused.
"""

from __future__ import annotations

import re
import threading
import time
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import InvocationError, LeaseError, StoreError, UsageError
from durable_dsl.engine.invocations import queue, results
from durable_dsl.engine.invocations.arguments import arguments_text, result_of
from durable_dsl.engine.invocations.invocation import Invocation
from durable_dsl.engine.oplog.entries import Create
from durable_dsl.engine.signals import Closing, NotGranted
from durable_dsl.engine.worker.control import request_release

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.replay.host import Host
    from durable_dsl.engine.wit.exports import Export
    from durable_dsl.engine.worker.handle import Worker

_URI = re.compile(r"urn:worker:(?P<component>[0-9a-fA-F-]{36})(/(?P<worker>[^/]+)(/.*)?)?")
#: How often somebody who wants a worker that another process holds tries again, in nanoseconds.
_TRIES_AGAIN = 50_000_000
_ASKS_AGAIN = 250_000_000


class Denied(UsageError):  # noqa: N818 - told to the guest
    """The call would never end: its callee waits for the caller."""

    def __init__(self, caller: str, callee: str) -> None:
        super().__init__(f"worker {callee!r} waits for {caller!r}: neither would go on")
        self.args = (caller, callee)


class NoCallee(UsageError):  # noqa: N818 - a state of things, told to the guest
    """The worker belongs to another component."""


@dataclass(frozen=True, slots=True)
class Address:
    """A worker as others name it: the UUID of its component, and its name (None for one that has none yet)."""

    component: str
    worker: str | None

    @staticmethod
    def parse(uri: str) -> Address:
        """From `urn:worker:<component>/<worker>`; a function after it is left out. Raises UsageError."""
        found = _URI.fullmatch(uri)
        if found is None:
            raise UsageError(f"{uri!r} is no address of a worker, which is urn:worker:<component uuid>/<name>")
        name = found["worker"]
        return Address(found["component"].lower(), None if name is None else urllib.parse.unquote(name))

    @property
    def uri(self) -> str:
        return f"urn:worker:{self.component}/{urllib.parse.quote(self.worker or '')}"

    def find(self, host: Host, env: tuple[tuple[str, str], ...], args: tuple[str, ...]) -> Worker:
        """The worker, made if need be with these arguments and this environment. Raises NoCallee.

        What the caller has recorded is on disk before a worker is made: its name may be in there. A component that is
        not there may come to be: then the caller, which stops, goes on.
        """
        assert self.worker is not None
        engine = host.worker.engine
        component = engine.catalogue.name_of(self.component)
        if component is None:
            way = "give it: durable-dsl run … --component FILE, or Engine.load"
            raise NotGranted(f"calling component {self.component}, which is not in this data directory", way)
        row = engine.catalogue.worker(self.worker)
        if row is None:
            build = engine.catalogue.latest(component)
            assert build is not None
            host.log.commit()
            created = Create(component, build.version, args, env)
            row = engine.catalogue.create_worker(self.worker, created, engine.clock.now())
        if row.component != component:
            raise NoCallee(f"worker {self.worker!r} belongs to component {row.component!r}, not {component!r}")
        worker: Worker = engine.reach(row.name)
        return worker


class Call:
    """An invocation of a worker by another one. `ready` looks whether its outcome is there."""

    def __init__(self, host: Host, callee: Worker, export: Export, values: list[Any], key: str) -> None:
        self._host = host
        self._callee = callee
        self._export = export
        self._values = values
        self._key = key
        self._job: Invocation | None = None
        self._known: results.Known | None = None
        self._refused: InvocationError | UsageError | None = None
        self._asked_at = 0
        self._start()

    @property
    def elsewhere(self) -> bool:
        """Whether another process holds the callee; then nobody tells us when it is done."""
        return self._job is None and self._known is None and self._refused is None

    @property
    def next_look(self) -> int | None:
        """When to look again, where nobody tells."""
        return self._host.clock.now() + _TRIES_AGAIN if self.elsewhere else None

    @property
    def ready(self) -> bool:
        if self.elsewhere:
            self._known = results.find(self._callee.engine.store, self._callee.id, self._key)
            if self._known is None:
                self._start()
            caller = self._host.worker
            if self.elsewhere and caller.engine.waiting.never_ends(caller.id):
                self._refused = Denied(caller.name, self._callee.name)
        return self._job.done if self._job is not None else not self.elsewhere

    def outcome(self) -> Any:
        """The result in Python form, once it is ready; raises InvocationError, UsageError."""
        if self._refused is not None:
            raise self._refused
        if self._known is not None:
            if self._known.error is not None:
                raise self._known.error
            return result_of(self._export, self._known.response or "null")
        assert self._job is not None
        try:
            return self._job.wait(0)
        except InvocationError as error:
            if error.type == "EngineClosed":  # nothing is known of the call yet
                raise Closing from error
            if error.type == "NotGranted":  # nor is that an outcome
                raise NotGranted.of_callee(self._callee.name, error.message) from error
            raise

    def hand_over(self, connection: sqlite3.Connection) -> None:
        """The caller ends without its outcome: put the call into the callee's queue, in a transaction that is open.

        A row does no harm where the call has begun.
        """
        if self._refused is not None:
            return
        request = arguments_text(self._export, self._values)
        queue.insert(connection, self._callee.id, Invocation(self._export, self._values, request, self._key))

    def run_on(self) -> None:
        """After `hand_over`: have it run, if nobody does yet."""
        if self.elsewhere:
            run_queue(self._callee)

    def _start(self) -> None:
        try:
            self._job = self._callee.begin(self._export, self._values, idempotency_key=self._key)
        except LeaseError:
            now = self._host.clock.now()
            if now - self._asked_at >= _ASKS_AGAIN:
                self._asked_at = now
                request_release(self._callee.engine, self._callee.id)
            return
        except (InvocationError, UsageError) as refused:
            self._refused = refused
            return
        self._job.when_done(self._host.notify)


def run_queue(worker: Worker) -> None:
    """Have what is in a worker's queue run: in this process, as soon as no other one holds the worker."""
    try:
        worker.look_at_queue()
    except LeaseError:
        request_release(worker.engine, worker.id)
        threading.Thread(
            target=_keep_trying, args=(worker,), name=f"durable-dsl queue {worker.name}", daemon=True
        ).start()


def _keep_trying(worker: Worker) -> None:
    while True:
        time.sleep(_TRIES_AGAIN / 1e9)
        try:
            worker.look_at_queue()
        except LeaseError:
            continue
        except StoreError:  # the engine was closed; the queue is on disk
            return
        return
