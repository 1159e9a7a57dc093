"""A replay on an instance that is thrown away: what a build makes of a worker's history, and where in its source.

Nothing is written and nothing is done: the oplog takes no entries, and a host call that is not answered from it ends
the guest, unless it only looks at the machine (the clock, say, in a persist-nothing zone). So the end of the replay
says what the build does: it comes to the end of the history, or it does something else than is recorded.

Where the guest stood at that call is read out of its memory (`guest_stack.py`). Where that gives nothing, the call
answers an error, if its WIT type has one: the guest's own traceback names the line.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, TypeAlias

from durable_dsl.engine.bridge.instantiation import alone
from durable_dsl.engine.errors import EngineError
from durable_dsl.engine.failures import guest_stack
from durable_dsl.engine.failures.guest_errors import users_path
from durable_dsl.engine.oplog.cursor import Cursor
from durable_dsl.engine.oplog.log import Ends, Oplog
from durable_dsl.engine.replay import snapshots
from durable_dsl.engine.replay.durability import HARMLESS
from durable_dsl.engine.replay.failures import tell
from durable_dsl.engine.replay.open_effects import NotStarted
from durable_dsl.engine.replay.session import Session
from durable_dsl.engine.signals import Divergence, Signal, UnfinishedWrite
from durable_dsl.engine.traps import GuestTrap
from durable_dsl.engine.wit import types as t

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.invocations.component import LoadedComponent
    from durable_dsl.engine.oplog.regions import Regions
    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.replay.host import Host
    from durable_dsl.engine.replay.surroundings import Owner

#: Of a file that is not among the bindings that componentize-py puts into a component.
_FRAME = re.compile(r'^  File "(?!/world/)(?P<file>[^"<]+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)
_POLL = "wasi:io/poll"


class Reached(Signal):
    """The history has been replayed: the guest would go on live."""


class NotPerformed(Signal):
    """The guest made a call that would be performed, before its history was replayed: in a persist-nothing zone."""

    def __init__(self) -> None:
        super().__init__()
        self.call = "a host call"


End: TypeAlias = "Signal | GuestTrap | EngineError"


class _Unwritten(Oplog):
    """An oplog that takes no entries to the disk."""

    def commit(self) -> None:
        return

    def append_with_effect(self, effect: Any, entry_of: Any) -> Any:  # noqa: ARG002
        raise NotPerformed


class _UpTo(Cursor):
    """A cursor that has another entry at one index than the guest asks for: the call that takes it diverges there."""

    def __init__(self, store: Store, worker: int, target: int, regions: Regions, index: int) -> None:
        self._index = index
        super().__init__(store, worker, target, regions)

    def _fill(self) -> None:
        super()._fill()
        self._rows = [(*row[:2], "", *row[3:]) if row[0] == self._index else row for row in self._rows]


class DryBuild:
    """A build of a component whose instances are for dry runs, one at a time."""

    def __init__(self, component: LoadedComponent) -> None:
        self._lookup = component.lookup
        self.component = component.linked_to(self._watched)
        self.run: DryRun | None = None

    def _watched(self, interface: str, function: str, version: str) -> Any:
        """The component's own, with implementations that notice where the guest stands when one of them ends it."""
        perform = self._lookup(interface, function, version)
        if perform is None:
            return None
        if perform in HARMLESS and interface != _POLL:
            perform = _permitted(perform)

        def call(*arguments: Any) -> Any:
            try:
                return perform(*arguments)
            except (Divergence, UnfinishedWrite, NotPerformed) as end:
                assert self.run is not None
                return self.run.ended(end, interface, function)

        return call


class DryRun:
    """One replay of `worker`, up to entry `last`. After `run`, `place` says where the guest stood at its last call.

    `snapshot` is the entry of the snapshot that the history starts from, `at` one whose taking is to end the run.
    `goes_on` lets the guest run on after the end of the history, to where it would have an effect.
    """

    def __init__(
        self,
        worker: Owner,
        build: DryBuild,
        regions: Regions,
        last: int,
        *,
        snapshot: int | None = None,
        at: int | None = None,
        goes_on: bool = False,
    ) -> None:
        store = worker.engine.store
        log = _Unwritten(store, worker.id, worker.engine.clock, Ends(last, 0, 0))
        log.probe = None
        cursor = None if at is None else _UpTo(store, worker.id, last, regions, at)
        #: As "orders.py:31 (place)"; None where nobody knows.
        self.place: str | None = None
        #: Type and message of the exception that ended the guest, if one did.
        self.failure: str | None = None
        #: Called with where the memories of this run's guest begin, before the guest is thrown away.
        self.at_end: Callable[[frozenset[int]], object] | None = None
        self._build = build
        self._snapshot = snapshot
        self._goes_on = goes_on
        self._answered: Signal | None = None
        #: What was there before its instance began, and while nothing else does; then where its memories begin.
        self._before: frozenset[int] | None = None
        self._memories: frozenset[int] = frozenset()
        self.session = Session(worker, build.component, log, regions, threading.Condition(), cursor)
        host = self.session.host
        host.open_effects = NotStarted()
        host.output.silence()
        host.signal = NotPerformed()  # ends the guest at any call that is to be performed

    def run(self) -> End:
        """Replay; what ended it."""
        session = self.session
        self._build.run = self
        try:
            self._open()
            if self._snapshot is not None:
                snapshots.load(session, self._snapshot)
            if not self._goes_on:
                if session.host.cursor.live:
                    return Reached()
                session.on_live = _stop
            session.replay()
        except GuestTrap as trap:
            told = tell(trap, session.host.output, self._users_own)
            self.failure = f"{told.type}: {told.message}"
            self.place = self.place or last_frame(told.traceback)
            return self._answered or trap
        except (Signal, EngineError) as end:
            return self._answered or end
        finally:
            if self.at_end is not None:
                self.at_end(self._memories)
            session.close()
        return self._answered or Reached()

    def _open(self) -> None:
        """Instantiate, and note which memories are the instance's own."""
        with alone() as known:
            self._before = guest_stack.memories() if known else None
            try:
                self.session.open()
            finally:
                self._memories = self._own()
                self._before = None

    def _own(self) -> frozenset[int]:
        """Where the memories of this run's guest begin; none where that cannot be told from others."""
        return self._memories if self._before is None else guest_stack.memories() - self._before

    def ended(self, end: Signal, interface: str, function: str) -> Any:
        """A call of the guest ends it with `end`, or gets what is returned here."""
        if self._answered is not None:
            raise end
        if isinstance(end, NotPerformed):
            end.call = f"{interface}#{function}"
        self.place = self._standing()
        kind = self._build.component.imported_type(interface, function)
        told = self.place is not None or isinstance(end, NotPerformed)
        if told or kind is None or not isinstance(kind.result, t.Result):
            raise end
        answer = {"err": None if kind.result.err is None else any_value(kind.result.err, end)}
        self._answered = end
        return answer

    @property
    def _users_own(self) -> dict[str, Any] | None:
        """The roots of the component, with libraries that came with the app as no more the user's than ours."""
        roots = self._build.component.roots
        if roots is None:
            return None
        hidden = {"kind": "support"}
        return {name: hidden if root["kind"] == "vendored" else dict(root) for name, root in roots.items()}

    def _standing(self) -> str | None:
        """The innermost frame of the user's own source, or the export where there is none."""
        stacks = [stack for start in self._own() if (stack := guest_stack.frames(start))]
        if len(stacks) != 1:
            return None
        for frame in stacks[0]:
            shown = users_path(frame.path, self._build.component.roots)
            if shown is not None:
                return f"{shown}:{frame.line} ({frame.function})"
        host = self.session.host  # the wrapper that the build made: for the marks of the export
        invoked = host.log.store.rows(host.log.worker, "AND idx = ?", (host.invoked_at,))
        return self._build.component.line_of(invoked[0][3] or "") if invoked else None


def _permitted(perform: Callable[..., Any]) -> Callable[..., Any]:
    """Performed although the run's signal forbids it."""

    def call(host: Host, *arguments: Any) -> Any:
        signal, host.signal = host.signal, None
        try:
            return perform(host, *arguments)
        finally:
            host.signal = signal

    return call


def _stop() -> None:
    raise Reached


def any_value(kind: t.Type, end: Signal) -> Any:
    """Some value of a type; raises `end` where there is none without a resource."""
    match kind:
        case t.Primitive(name):
            return {"bool": False, "string": str(end), "char": "?"}.get(name, 0)
        case t.ListOf() | t.Flags():
            return []
        case t.Tuple(elements):
            return [any_value(element, end) for element in elements]
        case t.Record(_, fields):
            return {name: any_value(field, end) for name, field in fields}
        case t.Enum(_, cases):
            return cases[0]
        case t.Variant(_, cases):
            plain = next((name for name, payload in cases if payload is None), None)
            return plain if plain is not None else {cases[0][0]: any_value(cases[0][1], end)}  # type: ignore[arg-type]
        case t.Option():
            return None
        case t.Result(_, err):
            return {"err": None if err is None else any_value(err, end)}
    raise end


def last_frame(traceback: str) -> str | None:
    """The place that a traceback ends at."""
    frames = list(_FRAME.finditer(traceback))
    return f"{frames[-1]['file']}:{frames[-1]['line']} ({frames[-1]['function']})" if frames else None
