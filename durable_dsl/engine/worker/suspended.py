"""What a suspended worker waits for, as its last `suspend` entry and the promise tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.directory import promises
from durable_dsl.engine.oplog.entries import Suspend
from durable_dsl.engine.oplog.view import time_text

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.store import Store

_LAST = "AND idx = (SELECT max(idx) FROM entry WHERE worker = ? AND kind = 'suspend')"


def waits_for(store: Store, worker: int) -> dict[str, Any] | None:
    """The promise with its type, the time until which it waits, each where there is one, and since when."""
    for record in store.records(worker, _LAST, (worker,)):
        entry = record.entry
        assert isinstance(entry, Suspend)
        promise, until = entry.promise, entry.until
        return {
            "promise": promise,
            "type": None if promise is None else promises.type_of_id(store, promise),
            "until": None if until is None else time_text(until),
            "since": time_text(record.time),
        }
    return None
