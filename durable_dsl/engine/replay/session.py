"""One instance of a worker: it replays the oplog, then runs invocations, until something ends it.

Replay runs the recorded invocations again, answering their host calls from the oplog. The invocation that had not
completed goes live where its record ends and is completed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.bridge.calls import Instance
from durable_dsl.engine.directory.identity import Identity
from durable_dsl.engine.grants.sandbox import Sandbox
from durable_dsl.engine.invocations import queue
from durable_dsl.engine.invocations.arguments import arguments_of, arguments_text, result_text
from durable_dsl.engine.invocations.indexed import IndexedExport
from durable_dsl.engine.oplog.cursor import Cursor
from durable_dsl.engine.oplog.entries import (
    CreateResource,
    DescribeResource,
    DropResource,
    ExportedFunctionCompleted,
    ExportedFunctionInvoked,
)
from durable_dsl.engine.replay.host import PERSIST_NOTHING, Host
from durable_dsl.engine.replay.output import GuestOutput
from durable_dsl.engine.replay.time_limit import TimeLimit
from durable_dsl.engine.wit.json_form import ArgumentFault
from durable_dsl.engine.wit.types import GuestResource
from durable_dsl.engine.wit.values import ValueFault

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from durable_dsl.engine.invocations.component import LoadedComponent
    from durable_dsl.engine.invocations.invocation import Invocation
    from durable_dsl.engine.oplog.cursor import ReplayRow
    from durable_dsl.engine.oplog.log import Oplog
    from durable_dsl.engine.oplog.regions import Regions
    from durable_dsl.engine.replay.surroundings import Owner
    from durable_dsl.engine.signals import Signal
    from durable_dsl.engine.wit.exports import Export


class Session:
    """A live instance and its host."""

    def __init__(
        self,
        worker: Owner,
        component: LoadedComponent,
        log: Oplog,
        regions: Regions,
        condition: threading.Condition,
        cursor: Cursor | None = None,
    ) -> None:
        engine, created = worker.engine, worker.created
        self.component = component
        self.limit = None if engine.timeout is None else TimeLimit(engine.timeout, self.interrupt)
        self._max_memory = engine.max_memory
        self._log = log
        self._files = Sandbox()
        self._instance: Instance | None = None
        #: Resources that were made by the indexed form, and all that the callers hold.
        self._indexed: dict[tuple[str, str], GuestResource] = {}
        self._held: set[GuestResource] = set()
        #: Called when the history has been replayed.
        self.on_live: Callable[[], None] | None = None
        self.host = Host(
            worker,
            log=log,
            cursor=cursor or Cursor(log.store, log.worker, log.committed, regions),
            clock=engine.clock,
            output=GuestOutput(log, engine.output),
            files=self._files,
            environment=lambda: worker.environment(component),
            arguments=created.args,
            identity=Identity.of(worker.name, created),
            condition=condition,
        )
        self.host.cursor.on_live = self._went_live

    def open(self) -> None:
        """Instantiate. The component's start code may make host calls, so this can end like any guest call."""
        if self.host.cursor.live:
            self._went_live()
        first = self.host.identity.first_resource
        self._instance = Instance(self.component.imports, self.host, max_memory=self._max_memory, first_resource=first)

    @property
    def _running(self) -> Instance:
        assert self._instance is not None
        return self._instance

    def close(self) -> None:
        if self._instance is not None:
            self._instance.close()
        self.host.open_effects.close()
        self._files.close()

    def interrupt(self, signal: Signal) -> None:
        """From any thread: end the guest with `signal` at its next chance."""
        self.host.signal = signal
        if self._instance is not None:
            self._instance.interrupt(signal)
        with self.host.condition:
            self.host.condition.notify_all()

    def replay(self) -> tuple[str, Any] | None:
        """Run the recorded history; key and result of the invocation that was completed by it, if one was."""
        cursor = self.host.cursor
        while not cursor.live:
            row = cursor.take(ExportedFunctionInvoked.kind)
            export = self.component.resolve(row[3] or "")
            value = self._call(export, arguments_of(export, row[5] or "[]"), row[8] or "", row[0])
            response = result_text(export, value)
            if self.host.cursor.live:  # in the call just made
                self._note_resources()
                self._complete(response)
                return row[8] or "", value
            self._held = set(self._running.guest_resources) if self.component.has_resources else set()
            self._compare_result(response)
        return None

    def _compare_result(self, response: str) -> None:
        def compare(completed: ReplayRow) -> None:
            if completed[6] != response:
                cursor.differs(completed[0], f"result {completed[6]}", f"result {response}", alike=True)

        cursor = self.host.cursor
        cursor.take(ExportedFunctionCompleted.kind, compare)

    @property
    def keeps(self) -> str | None:
        """What of the instance a snapshot of its state would lose, between invocations; None where that is nothing."""
        if self._running.guest_resources or self._indexed:
            return "callers hold its resources"
        if self._files.used:
            return "it has private files"
        return None if self.host.at_rest else "it has calls or regions open"

    def recorded(self, export: Export, arguments: list[Any], index: int) -> Any:
        """Call an export on behalf of entry `index`; it is no invocation, and what its host calls give is recorded."""
        value = self._call(export, arguments, self.host.invocation_key, index)
        self.host.output.release()
        return value

    def unrecorded(self, export: Export, arguments: list[Any]) -> Any:
        """Call an export that serves snapshots: nothing of it is recorded or shown, its host calls are performed."""
        host = self.host
        level, tolerate = host.level, host.cursor.tolerate
        host.set_level(PERSIST_NOTHING)
        host.output.live = False
        try:
            return self._call(export, arguments, host.invocation_key, host.invoked_at)
        finally:
            host.set_level(level)
            host.cursor.tolerate = tolerate

    def invoke(self, job: Invocation) -> Any:
        """Run an invocation live, and have its result on disk."""
        before = self._log.ends
        index = self._log.append(ExportedFunctionInvoked(job.export.name, job.request, job.key))
        if job.queued:
            self._log.at_next_commit(lambda connection: queue.remove(connection, self._log.worker, job))
        try:
            value = self._call(job.export, job.arguments, job.key, index)
        except ValueFault as fault:  # a handle that the instance does not know; nothing ran
            self._log.withdraw(before)
            raise ArgumentFault(job.export.signature, fault.path, fault.message) from None
        self._note_resources()
        self._complete(result_text(job.export, value))
        return value

    def _call(self, export: Export, arguments: list[Any], key: str, index: int) -> Any:
        host = self.host
        host.invocation_key = key
        host.invoked_at = index
        host.key_counts.clear()
        host.asides.continued = False
        host.output.begin_attempt()
        if self.limit is None:
            return self._enter(export, arguments)
        self.limit.begin(key)
        try:
            value = self._enter(export, arguments)
        except BaseException:
            self.limit.broken_off()
            raise
        self.limit.completed(key)
        return value

    def _enter(self, export: Export, arguments: list[Any]) -> Any:
        instance = self._running
        if not isinstance(export, IndexedExport):
            return instance.call(export, arguments)
        resource = self._indexed.get(export.resource)
        if resource is None:
            resource = instance.call(export.constructor, export.values)
            assert isinstance(resource, GuestResource)
            self._indexed[export.resource] = resource
            if self.host.recording:
                made_with = arguments_text(export.constructor, export.values)
                self._log.append(DescribeResource(resource.name, resource.id, made_with))
        if export.drops:
            del self._indexed[export.resource]
        return instance.call(export.method, [resource, *arguments])

    def _note_resources(self) -> None:
        """Record which resources the call has made or dropped; for whoever reads the oplog."""
        if not self.component.has_resources:
            return
        held = set(self._running.guest_resources)
        for made in sorted(held - self._held, key=lambda one: one.id):
            self._log.append(CreateResource(made.name, made.id))
        for dropped in sorted(self._held - held, key=lambda one: one.id):
            self._log.append(DropResource(dropped.name, dropped.id))
        self._held = held

    def _complete(self, response: str) -> None:
        self.host.output.release()
        self._log.append(ExportedFunctionCompleted(response))
        self.host.open_effects.hand_over(self._log)

    def _went_live(self) -> None:
        self.host.settle()
        if self.on_live is not None:
            self.on_live()
        self.host.output.expect(self.host.cursor.trailing_output)
