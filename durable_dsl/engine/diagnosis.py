"""Where in the source a host call was made that the oplog does not allow.

The call itself ends the guest, which then has no chance to say where it stands. So the history is replayed once more,
on an instance that is thrown away, and this time that call answers an error, if its WIT type has one: the guest's own
traceback names the line. Nothing is written and nothing is done: the oplog takes no entries, and every host call that
is not answered from it ends the guest.
"""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any

from durable_dsl.engine import types as t
from durable_dsl.engine.bridge import GuestTrap
from durable_dsl.engine.errors import EngineError
from durable_dsl.engine.failures import tell
from durable_dsl.engine.interfaces.registry import lookup
from durable_dsl.engine.oplog.log import Ends, Oplog
from durable_dsl.engine.outstanding import Outstanding
from durable_dsl.engine.session import Session
from durable_dsl.engine.signals import Divergence, Signal, UnfinishedWrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.loading import LoadedComponent

#: Of a file that is not among the bindings that componentize-py puts into a component.
_FRAME = re.compile(r'^  File "(?!/world/)(?P<file>[^"<]+)", line (?P<line>\d+), in (?P<function>.+)$', re.MULTILINE)


class _Unwritten(Oplog):
    """An oplog that takes no entries to the disk."""

    def commit(self) -> None:
        return

    def append_with_effect(self, effect: Any, entry_of: Any) -> Any:  # noqa: ARG002
        raise Signal


class _NotStarted(Outstanding):
    """Effects that are to be done again on going live are not done here."""

    def start_deferred(self) -> None:
        return


def place_of(failed: Session, *, from_snapshot: bool) -> str | None:
    """Where the guest of `failed` made the call that ended it, as "orders.py:31 (place)"; None where nobody knows.

    A worker that starts from a snapshot is not looked at: loading that performs host calls.
    """
    if from_snapshot:
        return None
    ends = Ends(failed.host.cursor.target, 0, 0)
    log = _Unwritten(failed.host.log.store, failed.host.worker.id, failed.host.clock, ends)
    log.probe = None
    component = failed.component.linked_to(_answering(failed.component))
    session = Session(failed.host.worker, component, log, failed.host.cursor.regions, threading.Condition())
    session.host.outstanding = _NotStarted()
    session.host.output.silence()
    session.host.signal = Signal()  # ends the guest at any call that is to be performed
    try:
        session.open()
        session.replay()
    except GuestTrap as end:
        return _last_frame(tell(end, session.host.output, _users_own(component)).traceback)
    except (Signal, EngineError):
        return None
    finally:
        session.close()
    return None


def _answering(component: LoadedComponent) -> Callable[[str, str, str], Any]:
    """`lookup`, with implementations that answer an error where they would end the guest for what is looked for."""
    answered: list[Signal] = []

    def wrapped(interface: str, function: str, version: str) -> Any:
        perform = lookup(interface, function, version)
        if perform is None:
            return None

        def call(*arguments: Any) -> Any:
            try:
                return perform(*arguments)
            except (Divergence, UnfinishedWrite) as end:
                kind = component.imported_type(interface, function)
                if answered or kind is None or not isinstance(kind.result, t.Result):
                    raise
                answered.append(end)
                return {"err": None if kind.result.err is None else _any_value(kind.result.err, end)}

        return call

    return wrapped


def _any_value(kind: t.Type, end: Signal) -> Any:
    """Some value of a type; raises `end` where there is none without a resource."""
    match kind:
        case t.Primitive(name):
            return {"bool": False, "string": str(end), "char": "?"}.get(name, 0)
        case t.ListOf() | t.Flags():
            return []
        case t.Tuple(elements):
            return [_any_value(element, end) for element in elements]
        case t.Record(_, fields):
            return {name: _any_value(field, end) for name, field in fields}
        case t.Enum(_, cases):
            return cases[0]
        case t.Variant(_, cases):
            plain = next((name for name, payload in cases if payload is None), None)
            return plain if plain is not None else {cases[0][0]: _any_value(cases[0][1], end)}  # type: ignore[arg-type]
        case t.Option():
            return None
        case t.Result(_, err):
            return {"err": None if err is None else _any_value(err, end)}
    raise end


def _users_own(component: LoadedComponent) -> dict[str, Any] | None:
    """The roots of a component, with libraries that came with the app as no more the user's than ours."""
    if component.roots is None:
        return None
    hidden = {"kind": "support"}
    return {name: hidden if root["kind"] == "vendored" else dict(root) for name, root in component.roots.items()}


def _last_frame(traceback: str) -> str | None:
    frames = list(_FRAME.finditer(traceback))
    return f"{frames[-1]['file']}:{frames[-1]['line']} ({frames[-1]['function']})" if frames else None
