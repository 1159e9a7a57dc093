"""What became of an invocation, by its idempotency key: looked up in the oplog, answered without running anything."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import InvocationError
from durable_dsl.engine.oplog.checksums import IS_TELLING
from durable_dsl.engine.oplog.store import HAS_KEY
from durable_dsl.engine.standing.whole import taken_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_dsl.engine.oplog.store import Store
    from durable_dsl.engine.wit.exports import Export


#: Of an interface, in the name of a function.
_VERSION = re.compile(r"@[^#/]*#")

#: The result of a command that ended well.
SUCCESS = {"ok": None}


@dataclass(frozen=True, slots=True)
class Known:
    """A finished invocation: the response's JSON text, or the error."""

    function: str
    response: str | None = None
    error: InvocationError | None = None


def find(store: Store, worker: int, key: str) -> Known | None:
    """The outcome of the invocation with this key; None if there is none yet."""
    reverted = taken_back(store, worker)
    begun = store.rows(worker, f"AND {HAS_KEY} AND kind = 'exported-function-invoked'", (key,), without=reverted)
    if not begun:
        return None
    index, function = begun[-1][0], begun[-1][3]
    after = f"AND idx > ? AND {IS_TELLING}"
    return store.over(worker, after, (index,), lambda rows: _outcome(store, worker, function, rows), without=reverted)


def called(store: Store, worker: int, key: str) -> tuple[str, str] | None:
    """Function and request of the invocation that this key names: begun, queued or scheduled."""
    reverted = taken_back(store, worker)
    begun = store.rows(worker, f"AND {HAS_KEY} AND kind = 'exported-function-invoked'", (key,), without=reverted)
    if begun:
        return begun[-1][3], begun[-1][5] or "[]"
    for table in ("queue", "schedule"):
        for row in store.select(table, "WHERE worker = ? AND key = ?", (worker, key)):
            return row["function"], row["request"]
    return None


def alike(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether function and request are the same; versions of interfaces and the writing of the JSON do not matter."""
    if one == other:
        return True
    return _VERSION.sub("#", one[0]) == _VERSION.sub("#", other[0]) and json.loads(one[1]) == json.loads(other[1])


def _outcome(store: Store, worker: int, function: str, rows: Iterator[Any]) -> Known | None:
    """What the entries after the beginning of an invocation tell of it."""
    for row in rows:
        if row[2] == "exported-function-completed":
            return Known(function, response=row[6])
        members = json.loads(row[9]) if row[9] else {}
        if row[2] == "exited":
            return Known(function, error=exit_error(members["status"]))
        if row[2] == "error" and members["final"] and not _went_on(store, worker, row[0]):
            told = (members["error_type"], members["message"], members["traceback"])
            return Known(function, error=InvocationError(*told, "failed"))
        if row[2] == "exported-function-invoked":
            return None
    return None


def exit_error(status: int) -> InvocationError:
    return InvocationError("Exit", f"the guest ended itself with exit status {status}", "", "exited")


def ended_well(export: Export, error: InvocationError) -> bool:
    """Whether a command ended itself with success: what its `run` would have returned, many runtimes say by an exit."""
    return export.interface.partition("@")[0] == "wasi:cli/run" and error.args == exit_error(0).args


def _went_on(store: Store, worker: int, index: int) -> bool:
    """Whether an update let the worker go on after its failure at `index`."""
    query = "SELECT 1 FROM entry WHERE worker = ? AND idx > ? AND kind = 'successful-update'"
    return store.read_one(query, (worker, index)) is not None
