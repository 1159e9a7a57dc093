"""The engine's Python API: open a data directory, load components, call their exports as durable workers.

    with Engine.open(".durable") as engine:
        component = engine.load("orders.wasm")
        worker = engine.worker("order-17", component)
        worker.invoke("place", {"id": "17", "total": 42})

Several workers may be called from several threads at the same time. A second process that uses a worker at the same
time gets a `LeaseError`; when the first one ends, in whatever way, the worker is free.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from durable_dsl.engine.bridge.component import Component, load
from durable_dsl.engine.clock import Clock, SystemClock
from durable_dsl.engine.directory import promises
from durable_dsl.engine.directory.cache import user_cache
from durable_dsl.engine.directory.catalogue import Catalogue, WorkerRow
from durable_dsl.engine.directory.component_file import ChangedFile, ComponentFile
from durable_dsl.engine.directory.cycles import Waiting
from durable_dsl.engine.directory.private import Use, make_private
from durable_dsl.engine.errors import StoreError, UsageError
from durable_dsl.engine.grants import permissions
from durable_dsl.engine.grants.granted import Grants, values_of
from durable_dsl.engine.interfaces.registry import lookup
from durable_dsl.engine.invocations.component import LoadedComponent, build_facts, name_of
from durable_dsl.engine.oplog.entries import Create
from durable_dsl.engine.oplog.store import Store
from durable_dsl.engine.redaction import redacted_text
from durable_dsl.engine.remote.schedule import Schedule
from durable_dsl.engine.replay.output import to_stderr
from durable_dsl.engine.replay.suspension import Places
from durable_dsl.engine.worker.handle import Worker
from durable_dsl.engine.worker.idle import Idle
from durable_dsl.engine.worker.watcher import Watcher
from durable_dsl.printable import printable

if TYPE_CHECKING:
    import os
    import sqlite3
    from types import TracebackType

    from durable_dsl.engine.replay.output import Sink

Progress = Callable[[Path], AbstractContextManager[object]]


class Engine:
    """An open data directory. A worker may do what it was granted, and nothing else."""

    def __init__(
        self,
        data: Path,
        *,
        grants: Grants,
        secrets: dict[str, str],
        env: Mapping[str, str],
        max_memory: int | None,
        timeout: float | None,
        clock: Clock,
        output: Sink,
        notices: Callable[[str], object] | None,
        while_compiling: Progress | None,
    ) -> None:
        if timeout is not None and not 0 < timeout <= threading.TIMEOUT_MAX:
            raise UsageError(f"a time limit of {timeout} s", "give a number of seconds above 0")
        #: Absolute: the program may change its working directory.
        self.data = data = data.absolute()
        #: What those workers are granted that its user asks for by name.
        self.grants = grants
        #: Values of secrets that only this process has.
        self.secrets = secrets
        self.env = dict(env)
        self._told: set[str] = set()
        self.max_memory = max_memory
        self.timeout = timeout
        self.clock = clock
        self.leases = data / "leases"
        #: How long an idle worker keeps its instance and its lease, in seconds.
        self.keep_idle = 30.0
        #: For the instances of workers that are suspended.
        self.places = Places()
        self._cache = user_cache()
        self.output = output
        self._notices = notices
        self._while_compiling = while_compiling
        self._lock = threading.Lock()
        self._loaded: dict[str, LoadedComponent] = {}
        self._builds: dict[tuple[str, int], LoadedComponent] = {}
        self._workers: dict[int, Worker] = {}
        self._watcher: Watcher | None = None
        self.closed = False
        #: The workers that are held and do nothing; `idle.limit` says how many at most.
        self.idle = Idle()
        try:
            make_private(data)
        except OSError as error:
            reason = "is a file, not a directory" if data.is_file() else error.strerror or str(error)
            raise StoreError(str(data), reason) from error
        self.store = Store(data)
        #: Tells other processes that this one is here.
        self.use = Use(data)
        self.catalogue = Catalogue(self.store, data)
        #: Which worker waits for a call of which.
        self.waiting = Waiting(self.store)
        self.schedule = Schedule(self)

    @classmethod
    def open(
        cls,
        data: str | os.PathLike[str] = ".durable",
        *,
        allow_http: Iterable[str] = (),
        dirs: Iterable[str] = (),
        workers: Iterable[str] = (),
        secrets: Iterable[str] = (),
        env: Mapping[str, str] | None = None,
        max_memory: int | None = None,
        timeout: float | None = None,
        clock: Clock | None = None,
        output: Sink | None = None,
        notices: Callable[[str], object] | None = None,
        while_compiling: Progress | None = None,
    ) -> Self:
        """Open or create a data directory.

        What guests may do is granted to the workers that `worker` gives, and kept with them; those that are reached
        through other workers get nothing of it. `allow_http` lists the authorities that they may make requests to, as
        "api.example.com:443"; the port may be left out. `dirs` are directories of this machine that they see, as
        "./invoices::/invoices:ro". `workers` are components, or "*", whose workers they may see and steer as their own.
        `secrets` are sent in requests and never recorded: "API_KEY" is taken from the environment of whatever process
        runs the worker, "API_KEY=@FILE" from a file, and "API_KEY=VALUE" is known to this engine alone.

        `env` is what new workers see as environment. `max_memory` bounds each instance (bytes), `timeout` each
        invocation with all that it waits for (seconds): one that takes longer is interrupted, and can be resumed.
        `output(level, data)` gets what guests write, and warnings; by default it goes to stderr. `notices(text)` gets a
        line for each failure that is retried: what it was, and when the next attempt begins.
        """
        secrets = tuple(secrets)
        return cls(
            Path(data),
            grants=Grants.of(allow_http, dirs, workers, secrets=secrets),
            secrets=values_of(secrets),
            env=env or {},
            max_memory=max_memory,
            timeout=timeout,
            clock=clock or SystemClock(),
            output=output or to_stderr,
            notices=notices,
            while_compiling=while_compiling,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all workers and the file. What runs in other threads is ended as by a crash."""
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        self.schedule.close()
        with self._lock:
            self.closed = True
            workers = list(self._workers.values())
            self._workers.clear()
        with ExitStack() as closing:  # whatever one of them raises, all are let go
            closing.callback(self.use.close)
            closing.callback(self.store.close)
            for worker in reversed(workers):
                closing.callback(worker.close)

    # Components

    def load(self, path: str | os.PathLike[str]) -> LoadedComponent:
        """Load a component file, and keep a copy of it in the data directory."""
        file = ComponentFile.known(Path(path))
        try:
            component = self._compile(file)
        except ChangedFile:  # a build wrote it just now
            file = ComponentFile.read(Path(path))
            component = self._compile(file)
        with self._lock:
            known = self._loaded.get(component.hash)
        if known is not None:
            return known
        name = name_of(component.path, build_facts(component))
        try:
            build = self.catalogue.register(name, file, self.clock.now())
        except ChangedFile:
            raise StoreError(str(file.path), "the file was replaced while it was loaded; try again") from None
        file.release()
        return self._remember(LoadedComponent(component, build, lookup))

    def component_of(self, name: str, version: int) -> LoadedComponent:
        """A build that the data directory has."""
        with self._lock:
            known = self._builds.get((name, version))
        if known is not None:
            return known
        build = self.catalogue.build(name, version)
        stored = self.catalogue.stored(build)
        try:
            return self._remember(LoadedComponent(self._compile(stored), build, lookup))
        except ChangedFile:
            raise self.catalogue.damaged(build) from None
        finally:
            stored.release()

    def _compile(self, file: ComponentFile) -> Component:
        interruptible = self.timeout is not None
        return load(file, self._cache, interruptible=interruptible, while_compiling=self._while_compiling)

    def _remember(self, loaded: LoadedComponent) -> LoadedComponent:
        with self._lock:
            self._loaded[loaded.hash] = loaded
            return self._builds.setdefault((loaded.name, loaded.version), loaded)

    # Workers

    def worker(self, name: str | None = None, component: LoadedComponent | None = None) -> Worker:
        """The worker of that name, made if need be; without a name a new one with a generated name.

        A worker that is on another build of its component is moved to the one given, by replaying its history on it;
        raises UpdateRefused where that does something else, and the worker stays as it is. What the engine was opened
        with is granted to it, and kept.
        """
        row = self.catalogue.worker(name) if name is not None else None
        if row is None:
            if component is None:
                raise UsageError(f"there is no worker {name!r} in {self.data}", "give a component to make it")
            name = name if name is not None else f"{component.name}-{uuid.uuid4().hex[:8]}"
            created = Create(component.name, component.version, env=tuple(self.env.items()))
            row = self.catalogue.create_worker(name, created, self.clock.now(), self.grants)
        if component is not None and row.component != component.name:
            raise UsageError(
                f"worker {row.name!r} belongs to component {row.component!r}, not {component.name!r}",
                "use another worker name",
            )
        worker = self._worker_of(row)
        worker.granted_anew = self.grants.beyond(worker.permissions.own) if self.grants else self.grants
        if worker.granted_anew:
            worker.permissions.change(lambda granted: granted.plus(self.grants))
        if component is not None and worker.version != component.version:
            worker.update(component)
        return worker

    def reach(self, name: str) -> Worker:
        """The worker of that name, as it is: for what reaches it otherwise than at its user's wish."""
        row = self.catalogue.worker(name)
        if row is None:
            raise UsageError(f"there is no worker {name!r} in {self.data}")
        return self._worker_of(row)

    def grant(
        self,
        component: str,
        *,
        allow_http: Iterable[str] = (),
        dirs: Iterable[str] = (),
        workers: Iterable[str] = (),
        secrets: Iterable[str] = (),
    ) -> None:
        """Allow all workers of a component more, those to come as well; in the form of `Engine.open`."""
        secrets = tuple(secrets)
        more = Grants.of(allow_http, dirs, workers, secrets=secrets)
        self.secrets.update(values_of(secrets))
        self._change_grants(component, lambda granted: granted.plus(more))

    def revoke(
        self,
        component: str,
        *,
        allow_http: Iterable[str] = (),
        dirs: Iterable[str] = (),
        workers: Iterable[str] = (),
        secrets: Iterable[str] = (),
    ) -> None:
        """Take back what all workers of a component were granted; a directory by its place (`/invoices`)."""
        self._change_grants(component, lambda granted: granted.minus(allow_http, dirs, workers, secrets=secrets))

    def _change_grants(self, component: str, how: Callable[[Grants], Grants]) -> None:
        permissions.change(self.store, self._owner(component), how)
        for worker in self.opened_workers():
            worker.permissions.forget()

    def granted(self, component: str) -> Grants:
        """What all workers of a component were granted."""
        return permissions.load(self.store, self._owner(component))[0]

    def _owner(self, component: str) -> str:
        """The owner that a component's grants are kept for."""
        if self.catalogue.latest(component) is None:
            raise UsageError(f"there is no component {component!r} in {self.data}", "load or run it once, then grant")
        return permissions.component_owner(component)

    def workers(self) -> list[Worker]:
        """All workers of the data directory, by name; without those whose own row is damaged."""
        return [self._worker_of(row) for row in self.catalogue.workers()]

    def delete_worker(self, name: str) -> bool:
        """Delete a worker with its whole history; False if there is none. One that another process runs is refused."""
        number = self.catalogue.number_of(name)
        if number is None:
            return False
        with self._lock:
            worker = self._workers.get(number)
        (worker or Worker(self, WorkerRow(number, name, ""))).delete()  # its own row may be damaged
        with self._lock:
            self._workers.pop(number, None)
        return True

    def _worker_of(self, row: WorkerRow) -> Worker:
        with self._lock:
            return self._workers.setdefault(row.id, Worker(self, row))

    @overload
    def complete_promise(self, promise: str, value: object, /, *, resumes: bool = True) -> bool: ...
    @overload
    def complete_promise(self, worker: str, index: int, value: object, /, *, resumes: bool = True) -> bool: ...
    def complete_promise(self, *given: Any, resumes: bool = True) -> bool:
        """Give a promise its value; False if it has one. Wakes who awaits it; without `resumes` not one at rest.

        The promise is named by the text of its id, or by its worker and the oplog index at which that made it. Bytes
        and text are given as they are, everything else as JSON, which is what a promise of another type expects.
        Raises UsageError for a value that is not of the promise's type; it stays pending.
        """
        *named, value = given
        promise, data = promises.named(self.catalogue, named), promises.data_of(value)

        def work(connection: sqlite3.Connection) -> list[int]:
            return promises.complete(connection, promise.rows(connection), data)

        completed = self.store.transaction(work)
        for worker in completed:
            self.wake(self.store.name_of(worker), resumes=resumes)
        return bool(completed)

    # What workers and those who steer them ask

    def new_key(self) -> str:
        """A key for an invocation whose caller gave none."""
        return str(uuid.uuid4())

    def wake(self, name: str, *, resumes: bool = True) -> None:
        """Let a worker look whether what it waits for has come; with `resumes` one that nobody runs is resumed here."""
        row = self.catalogue.worker(name)
        worker = None if row is None else self._worker_of(row)
        if worker is not None and not worker.wake() and resumes and worker.status == "suspended":
            worker.resume_in_background()

    def opened_workers(self) -> list[Worker]:
        """Those that this process has had to do with."""
        with self._lock:
            return list(self._workers.values())

    def settle(self) -> list[Worker]:
        """Wait until nothing runs in this process any more; which workers are suspended, and wait for something else.

        A worker may have called others without waiting for them.
        """
        self.schedule.run_due()
        while True:
            active = [worker for worker in self.opened_workers() if worker.running]
            suspended = [worker for worker in active if worker.status == "suspended"]
            if len(active) == len(suspended):
                return suspended
            time.sleep(0.01)

    def notify(self, text: str) -> None:
        """Say what goes on, to whoever has asked to be told."""
        if self._notices is not None:
            self._notices(printable(redacted_text(text)))

    def tell_once(self, text: str) -> None:
        """Say something to whoever runs the engine, where guest output goes; not again for the same text."""
        with self._lock:
            told = text in self._told
            self._told.add(text)
        if not told:
            said = printable(redacted_text(text))
            self.output("stderr", f"{said}\n".encode("utf-8", "backslashreplace"))

    def watch(self) -> None:
        """Listen to what other processes ask from now on."""
        with self._lock:
            if self._watcher is None:
                self._watcher = Watcher(self)
