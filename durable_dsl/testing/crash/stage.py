"""A component, an export and arguments, to be run from the same beginning as often as one likes.

The *ground* is a data directory that holds the component; it is compiled and linked once and shared by all engines of
the process. The *beginning* is a copy of it with the worker, and with the invocations of `setup` where there are any.
Every run gets a copy of that. One worker name and one idempotency key serve all runs, so that what is derived from
them does not differ.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.api import Engine
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.oplog.entries import Record, entry_of
from durable_dsl.engine.oplog.store import FILE
from durable_dsl.engine.wit.json_form import python_arguments
from durable_dsl.testing.crash.answers import AnsweringClock, Answers
from durable_dsl.testing.crash.points import Crashed, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from durable_dsl.engine.invocations.component import LoadedComponent
    from durable_dsl.engine.worker.handle import Worker

WORKER = KEY = "crash-driver"
#: A worker of such a status has nothing to continue.
_OVER = frozenset({"failed", "exited"})

#: A row of the table `entry`, or of `payload`, as it is in the file.
Row = tuple[Any, ...]


class SharedEngine(Engine):
    """An engine that takes a component which another engine of this process has compiled."""

    def adopt(self, component: LoadedComponent) -> None:
        self._remember(component)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed invocation, as its caller sees it."""

    type: str
    message: str

    def __str__(self) -> str:
        return f"{self.type}: {self.message}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a caller got: the result, or a `Failure`; and the worker's status then."""

    value: Any = None
    status: str = field(default="", compare=False)

    @property
    def failure(self) -> Failure | None:
        return self.value if isinstance(self.value, Failure) else None

    def __str__(self) -> str:
        return repr(self.value) if self.failure is None else str(self.failure)


class Ground:
    """A data directory with a component in it. `interruptible` is what an engine with a time limit needs."""

    def __init__(self, data: Path, path: Path, *, interruptible: bool) -> None:
        self.data = data
        self.path = path
        self.interruptible = interruptible
        with SharedEngine.open(data, timeout=3600 if interruptible else None) as engine:
            self.component = engine.load(path)
            self.component.imports  # noqa: B018 - linked now, so that a forked process finds it done

    def copy(self, target: Path) -> None:
        """A data directory like this one, that shares its component files."""
        copy_data(self.data, target)


class Stage:
    """What is run. `options` go to `Engine.open`, but for `answers`; time is skipped unless they hold a clock."""

    def __init__(
        self, folder: Path, ground: Ground, export: str, arguments: tuple[Any, ...], options: Mapping[str, Any]
    ) -> None:
        self.folder = folder
        self.ground = ground
        self.export = export
        self.arguments = arguments
        self.options = dict(options)  # as the processes that are killed are told them
        self._answers: Sequence[bytes] = self.options.get("answers", ())
        self._beginning = folder / "beginning"
        self._copies = 0

    def prepare(self, setup: Callable[[Worker], object] | None) -> None:
        """Make the beginning. Raises what is wrong with export or arguments."""
        python_arguments(list(self.arguments), self.ground.component.resolve(self.export))
        self.ground.copy(self._beginning)
        with self._open(self._beginning) as engine:
            worker = engine.worker(WORKER, self.ground.component)
            if setup is not None:
                setup(worker)

    def copy(self) -> Path:
        """A new data directory that stands at the beginning."""
        self._copies += 1
        target = self.folder / str(self._copies)
        copy_data(self._beginning, target)
        return target

    def work(self, name: str, data: Path, watch: Watch | None = None) -> Outcome | None:
        """`run`: call the export with the key. `resume`: go on with what is under way, as the verb does.

        None if `watch` ended the process before its caller had an answer.
        """
        answers = Answers(data, WORKER, self._answers)
        try:
            with _quiet_threads(), self._open(data, answers) as engine, answers.giving():
                worker = engine.worker(WORKER)
                if watch is not None:
                    watch.follow(worker.id)
                    engine.store.probe = watch
                    engine.store.writer.before_commit = watch.writing
                value = self._invoke(worker) if name == "run" else _resume(worker)
                return Outcome(value, worker.status)
        except Crashed:
            return None

    def _invoke(self, worker: Worker) -> Any:
        try:
            return worker.invoke(self.export, *self.arguments, idempotency_key=KEY)
        except InvocationError as error:
            return Failure(error.type, error.message)

    @contextmanager
    def _open(self, data: Path, answers: Answers | None = None) -> Iterator[SharedEngine]:
        options = {name: value for name, value in self.options.items() if name != "answers"}
        if "clock" not in options:
            options["clock"] = _clock(data, answers)
        options.setdefault("output", _discard)
        with SharedEngine.open(data, **options) as engine:
            engine.adopt(self.ground.component)
            yield engine


def copy_data(source: Path, target: Path) -> None:
    """Copy a data directory that nobody uses; component files are shared."""
    target.mkdir(parents=True)
    for file in source.iterdir():
        if file.is_file():
            shutil.copyfile(file, target / file.name)
    (target / "components").symlink_to((source / "components").resolve())


def rows_of(data: Path) -> tuple[list[Row], list[Row]]:
    """The worker's entries and long texts, byte for byte as they are in the file."""
    with closing(sqlite3.connect(data / FILE)) as connection:
        worker = "worker = (SELECT id FROM worker WHERE name = ?)"
        entries = connection.execute(f"SELECT * FROM entry WHERE {worker} ORDER BY idx", (WORKER,))  # noqa: S608
        payloads = connection.execute(f"SELECT * FROM payload WHERE {worker} ORDER BY hash", (WORKER,))  # noqa: S608
        return entries.fetchall(), payloads.fetchall()


def last_of(data: Path) -> int:
    """The index of the worker's last entry on disk."""
    return int(rows_of(data)[0][-1][1])


def records_of(rows: list[Row]) -> list[Record]:
    """Rows of `entry` as records; long texts stay references."""
    return [Record(row[1], row[2], entry_of(row[3:11])) for row in rows]


@contextmanager
def _quiet_threads() -> Iterator[None]:
    """A simulated death in a worker that was called ends that worker's thread, which is nobody's concern."""
    usual = threading.excepthook

    def hook(arguments: threading.ExceptHookArgs) -> None:
        if not issubclass(arguments.exc_type, Crashed):
            usual(arguments)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = usual


def _resume(worker: Worker) -> Failure | None:
    if worker.status in _OVER:
        return None
    try:
        worker.resume()
    except InvocationError as error:
        return Failure(error.type, error.message)
    return None


def _clock(data: Path, answers: Answers | None) -> SkippingClock:
    """Time that is skipped, and that does not go back behind what the data directory has seen."""
    import time

    start = None
    if (data / FILE).exists():
        with closing(sqlite3.connect(data / FILE)) as connection:
            seen = connection.execute("SELECT coalesce(max(time), 0) FROM entry").fetchone()[0]
        start = max(seen, time.time_ns())
    return SkippingClock(start) if answers is None else AnsweringClock(start, answers)


def _discard(_level: str, _data: bytes) -> None:
    """What the guest writes is in the oplog."""
