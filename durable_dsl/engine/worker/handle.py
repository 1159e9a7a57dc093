"""A worker as its users hold it: calling it, steering it, and seeing what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.diagnosis import undone_steps
from durable_dsl.engine.errors import UpdateRefused, UsageError
from durable_dsl.engine.grants.granted import Grants, values_of
from durable_dsl.engine.grants.secrets import placeholder
from durable_dsl.engine.oplog.entries import Create, Record, Snapshot
from durable_dsl.engine.oplog.summary import OVER
from durable_dsl.engine.oplog.view import time_text
from durable_dsl.engine.replay.retries import DEFAULT_POLICY, RetryPolicy
from durable_dsl.engine.wit.json_form import python_arguments
from durable_dsl.engine.worker import commands, pages
from durable_dsl.engine.worker import waits as waiting
from durable_dsl.engine.worker.accepting import Accepting, told
from durable_dsl.engine.worker.background import in_background
from durable_dsl.engine.worker.driver import Driver
from durable_dsl.engine.worker.other_processes import begun_or_joined
from durable_dsl.engine.worker.updates import requests as update_requests
from durable_dsl.values.component_ids import component_id_of
from durable_dsl.values.promise_ids import WAKES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from durable_dsl.engine.directory.catalogue import WorkerRow
    from durable_dsl.engine.errors import InvocationError
    from durable_dsl.engine.invocations.component import LoadedComponent
    from durable_dsl.engine.invocations.invocation import Invocation
    from durable_dsl.engine.oplog.summary import Summary
    from durable_dsl.engine.wit.exports import Export
    from durable_dsl.engine.worker.process import Process

_PAGE = 4096


class Worker(Accepting):
    """A named component instance with its own oplog; `Engine.worker` gives it. Safe to use from several threads."""

    def __init__(self, engine: Process, row: WorkerRow) -> None:
        super().__init__(engine, row)
        self.default_policy: RetryPolicy = DEFAULT_POLICY
        self._created: Create | None = None
        #: What its user's engine was opened with, and it did not have yet.
        self.granted_anew = Grants()
        #: Updates that other processes have asked for and this one sees to, by their numbers in `control`.
        self.carried_out: set[int] = set()

    def __repr__(self) -> str:
        return f"<Worker {self.name} {self.status}>"

    def _new_driver(self) -> Driver:
        return Driver(self, self._condition, self._publish)

    # Calling

    def invoke(self, export: str, *arguments: Any, idempotency_key: str | None = None) -> Any:
        """Call an export and wait for its result; raises InvocationError where the invocation failed for good."""
        found, values = self._request(export, arguments)
        return self.call(found, values, idempotency_key=idempotency_key)

    def start(self, export: str, *arguments: Any, idempotency_key: str | None = None) -> Invocation:
        """Start a call; `.wait(timeout)` gives its result."""
        found, values = self._request(export, arguments)
        return self.begin(found, values, idempotency_key=idempotency_key)

    async def invoke_async(self, export: str, *arguments: Any, idempotency_key: str | None = None) -> Any:
        """`invoke` for asyncio: the call runs in a thread, the event loop stays free."""
        import asyncio

        return await asyncio.to_thread(self.invoke, export, *arguments, idempotency_key=idempotency_key)

    def begin(self, export: Export, values: list[Any], *, idempotency_key: str | None = None) -> Invocation:
        """`start` for an export that was looked up, with arguments that are in the Python form already."""
        return self._accept(export, values, idempotency_key, wait=False)

    def call(self, export: Export, values: list[Any], *, idempotency_key: str | None = None) -> Any:
        """`invoke` for an export that was looked up, with arguments that are in the Python form already."""

        def begin() -> Invocation:
            return self._accept(export, values, idempotency_key, wait=True)

        return begun_or_joined(self, idempotency_key, begin).wait()

    def _request(self, name: str, arguments: tuple[Any, ...]) -> tuple[Export, list[Any]]:
        export = self._build().resolve(name)
        return export, python_arguments(list(arguments), export)

    # Steering

    def resume(self, *, wait: bool = True) -> None:
        """Continue what is under way, and then the queue; returns when what was under way is done.

        If that fails, the worker's status tells. Raises InvocationError where the worker cannot go on at all: its build
        does something else than its oplog has recorded, or it wants a grant. Without `wait` it returns at once; the
        worker goes on in a thread, as long as the engine is open.
        """
        if self.status in OVER:
            raise UsageError(
                f"worker {self.name!r} is {self.status} and cannot be resumed",
                "revert it, or update it to a fixed build",
            )
        self.wake()
        if not wait:
            self.resume_in_background()
            return
        failed = self._resume()
        if failed is not None and failed.type in {"Divergence", "NotGranted"}:
            raise failed

    def _resume(self) -> InvocationError | None:
        with self.turn() as driver:
            failed = self.run(driver) if driver.status not in OVER else None  # another thread may have run it
            if failed is None:
                self.take_up_queue(driver)
            return failed

    def resume_in_background(self) -> None:
        """`resume` in a thread; nothing happens where another process runs the worker."""
        in_background(self, self._resume)

    def update(self, component: LoadedComponent, *, snapshot: bool = False, wait: bool = True) -> None:
        """Move to another build: by replaying the history on it, or by its snapshot functions.

        Raises UpdateRefused where that fails; the worker goes on where it was. Without `wait` it returns when the
        request is on disk: whoever runs the worker carries it out, or the next one that does.
        """
        mode = "snapshot-based" if snapshot else "automatic"
        if not wait:
            if self.status == "exited" or (snapshot and self.status in OVER):
                raise UsageError(
                    f"a worker that is {self.status} cannot be updated{' by snapshot' if snapshot else ''}"
                )
            update_requests.request(self, component.version, mode, runs=False)
            return
        outcome = update_requests.update(self, component.version, mode)
        if outcome.status != "successful":
            raise UpdateRefused(self.name, component.version, outcome.details, snapshot=snapshot)

    def snapshot(self) -> None:
        """Save its state now, between two invocations: its next start begins with that, and not with its history.

        Builds that say so have that done by themselves. Raises UsageError where the state cannot be saved, or not now;
        the worker is as it was.
        """
        with self.turn() as driver:
            failed = self.run(driver)
            if failed is not None or driver.status in OVER:
                raise UsageError(f"worker {self.name!r} is {driver.status}; no snapshot can be taken of it")
            refused = driver.take_snapshot()
            self.take_up_queue(driver)
        if refused is not None:
            raise UsageError(f"no snapshot of worker {self.name!r} was taken: {refused}")

    def interrupt(self) -> bool:
        """Stop what runs, sleeps or waits for a retry; False if nothing does. `resume` continues it."""
        return commands.interrupt(self)

    def simulate_crash(self) -> None:
        """Throw the instance away, as if the process had died here, and go on from the oplog."""
        commands.simulate_crash(self)

    def revert(self, *, to: int | None = None, last: int | None = None) -> None:
        """Take back everything after entry `to`, or the `last` so many invocations."""
        if to is not None:
            commands.revert(self, to)
        elif last is not None:
            commands.revert_invocations(self, last)

    def fork(self, name: str, at: int | None = None) -> Worker:
        """A new worker with the same history up to entry `at` (the last one by default), continued in a thread."""
        commands.fork(self, name, self.engine.store.last_index(self.id) if at is None else at)
        forked = self.engine.reach(name)
        if forked.status not in OVER:
            forked.resume_in_background()
        return forked

    # What it may do

    def grant(
        self,
        *,
        allow_http: Iterable[str] = (),
        dirs: Iterable[str] = (),
        workers: Iterable[str] = (),
        secrets: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Allow it more, in the form of `Engine.open`; kept with the worker, whichever process runs it.

        `workers` are components, or `*`, whose workers it may see and steer as its own. `env` changes the environment;
        what the worker has read of it, and has on record, stays what it was.
        """
        secrets = tuple(secrets)
        more = Grants.of(allow_http, dirs, workers, env, secrets)
        self.engine.secrets.update(values_of(secrets))
        self.permissions.change(lambda granted: granted.plus(more))

    def revoke(
        self,
        *,
        allow_http: Iterable[str] = (),
        dirs: Iterable[str] = (),
        workers: Iterable[str] = (),
        secrets: Iterable[str] = (),
        env: Iterable[str] = (),
    ) -> None:
        """Take back what it was granted; a directory by its place (`/invoices`), secrets and variables by name."""
        self.permissions.change(lambda granted: granted.minus(allow_http, dirs, workers, env, secrets))

    # Reading

    @property
    def component_id(self) -> str:
        """The UUID of its component."""
        return component_id_of(self.component)

    @property
    def oplog_index(self) -> int:
        """The index of the last entry."""
        driver = self._driver
        return driver.log.last if driver is not None else self.engine.store.last_index(self.id)

    @property
    def created(self) -> Create:
        """Entry 1, which never changes."""
        if self._created is None:
            record = next(self.engine.store.records(self.id, "AND idx = 1"))
            assert isinstance(record.entry, Create)
            self._created = record.entry
        return self._created

    def oplog(self) -> list[Record]:
        """All entries in order, with those that are still in the memory buffer."""
        return [record for page in pages.forward(self, 1, _PAGE) for record in page]

    def uncommitted(self) -> list[Record]:
        """The entries that are still in the memory buffer."""
        driver = self._driver
        buffered = driver.log.uncommitted() if driver is not None else []
        return [Record(index, time, entry) for index, time, entry in buffered]

    def warn(self, text: str) -> None:
        """Tell whoever runs the engine something about this worker, once."""
        self.engine.tell_once(f"warning: worker {self.name}: {text}")

    def describe(self, *, full: bool = False, summary: Summary | None = None) -> dict[str, Any]:
        """Name, component, version, status, oplog index; `full` also what waits, what is to come, error and updates.

        `summary` is what the oplog amounts to, where that is known already.
        """
        summary = summary or self.summary()
        driver = self._driver  # knows more than is on disk
        facts = {
            "name": self.name,
            "component": self.component,
            "version": summary.version,
            "status": self._seen(summary.status if driver is None else driver.status),
            "oplog_index": summary.last if driver is None else driver.log.last,
        }
        if full:
            error = summary.error
            waits = facts["status"] == "suspended"
            # Read now: the worker may have come to rest since `summary` was.
            facts["waits_for"] = waiting.waits_for(self.engine.store, self.id, self.summary()) if waits else None
            facts["snapshot"] = self._snapshot(summary)
            facts["pending"] = [
                {"function": function, "idempotency_key": key} for function, _, key in self._queue.load()
            ]
            facts["scheduled"] = [
                {"function": call.function, "idempotency_key": call.key, "time": time_text(call.time)}
                for call in self.engine.schedule.coming(self.id)
            ]
            facts["error"] = None if error is None else told(error).as_json()
            facts["unfinished"] = [] if error is None else undone_steps.named_in(error["message"])
            facts["grants"] = self.permissions.granted.as_json()
            facts["wants"] = self._wants(summary)
            facts["updates"] = [
                {"version": one.version, "mode": one.mode, "status": one.status, "details": one.details}
                for one in summary.updates
            ]
        return facts

    def _snapshot(self, summary: Summary) -> dict[str, Any] | None:
        """The snapshot between invocations that it starts from, if it does."""
        if summary.snapshot is None:
            return None
        record = next(self.engine.store.records(self.id, "AND idx = ?", (summary.snapshot,)))
        if not isinstance(record.entry, Snapshot):
            return None
        return {
            "index": record.index,
            "version": record.entry.version,
            "size": record.entry.size,
            "time": time_text(record.time),
        }

    @property
    def changed(self) -> str:
        """When its last entry was written, in UTC."""
        return time_text(self.engine.store.last_time(self.id))

    @property
    def wants(self) -> str | None:
        """What it has stopped for the want of, and how to give it; None where it may go on."""
        return self._wants(self.summary())

    def _wants(self, summary: Summary) -> str | None:
        return self.permissions.wants if summary.underway is not None else None

    def environment(self, component: LoadedComponent) -> list[tuple[str, str]]:
        """The environment that the guest sees: the worker's own, then Golem's names and ours."""
        golem = {
            "GOLEM_WORKER_NAME": self.name,
            "GOLEM_COMPONENT_ID": component.id,
            "GOLEM_COMPONENT_VERSION": str(component.version),
            WAKES: "1",
        }
        secrets = {one.name: placeholder(one.name) for one in self.permissions.granted.secrets}
        own = {**dict(self.variables), **secrets}
        return [*((name, value) for name, value in own.items() if name not in golem), *golem.items()]

    @property
    def variables(self) -> list[tuple[str, str]]:
        """The worker's own environment: what it was made with, and what was changed since."""
        return list({**dict(self.created.env), **dict(self.permissions.granted.env)}.items())
