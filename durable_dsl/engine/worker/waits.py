"""What a suspended worker waits for, as its last `suspend` entry and the promise tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.directory import promises
from durable_dsl.engine.oplog.view import time_text

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.oplog.summary import Summary


def waits_for(store: Store, worker: int, summary: Summary, since: int | None = None) -> dict[str, Any] | None:
    """The promise with its type, the time until which it waits, each where there is one, and since when.

    `since` is the time of its `suspend` entry, where that is known already.
    """
    if summary.suspended_at is None:
        return None
    if since is None:
        since = next(record.time for record in store.records(worker, "AND idx = ?", (summary.suspended_at,)))
    promise, until = summary.awaited, summary.suspended_until
    return {
        "promise": promise,
        "type": None if promise is None else promises.type_of_id(store, promise),
        "until": None if until is None else time_text(until),
        "since": time_text(since),
    }
