"""Promises: values that somebody gives later, addressed by the worker that made them and a number (`identity`).

A forked worker has copies of the promises that were made before: they are known by the same id, so whoever completes
one by its id completes it for all of them. What a worker does with a promise of which it has a copy it does with that.

A row says how far its worker's oplog went when the value was given (`done`) and when the promise was deleted (`gone`):
what is taken back to an entry before that has a promise that is pending, or there, again.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.oplog import tables
from durable_dsl.values import described, typed_json
from durable_dsl.values.component_ids import component_id_of
from durable_dsl.values.promise_ids import PromiseId

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from durable_dsl.engine.directory.catalogue import Catalogue
    from durable_dsl.engine.oplog.store import Store

_PLACE = "WHERE worker = ? AND idx = ?"
_ID = "WHERE maker = ? AND number = ? AND state <> 'deleted'"
_LAST = "SELECT coalesce(max(idx), 0) FROM entry WHERE worker = ?"
_USED = "SELECT 1 FROM retired WHERE name = ? AND indices >= ?"


class NoPromise(UsageError):  # noqa: N818 - a state of things, told to guests and callers alike
    """There is no such promise: it was never made, or deleted, or made by a worker that is gone."""

    def __init__(self, worker: str, number: int, why: str = "") -> None:
        said = f"worker {worker!r} has no promise {number}"
        super().__init__(f"{said}: {why}" if why else said)
        self.args = (worker, number, why)


class WrongValue(UsageError):  # noqa: N818 - told to guests and callers alike
    """What a promise is completed with is not of its type."""


@dataclass(frozen=True, slots=True)
class Named:
    """A promise as somebody names it: by its id, or as what a worker made at an oplog index."""

    worker: str
    number: int
    by_id: bool
    #: The UUID of its component, where that is known.
    component: str | None = None

    def rows(self, connection: sqlite3.Connection) -> list[tables.Row]:
        """The promise, and its copies where its id is what names it. Raises NoPromise."""
        if self.by_id:
            return of_id(connection, self.component or "", self.worker, self.number)
        place = "WHERE worker = (SELECT id FROM worker WHERE name = ?) AND idx = ? AND state <> 'deleted'"
        found = tables.one(connection, "promise", place, (self.worker, self.number))
        if found is None:
            _find_altered(connection, self.worker, self.number)
            raise NoPromise(self.worker, self.number)
        return [found]


def named(catalogue: Catalogue, given: Sequence[object]) -> Named:
    """The promise that is named by the text of its id, or by its worker and the oplog index at which that made it."""
    match given:
        case [str(worker), int(index)]:
            if catalogue.worker(worker) is None:
                raise UsageError(f"there is no worker {worker!r} in this data directory")
            return Named(worker, index, by_id=False)
        case [str(text)]:
            found = PromiseId.parse(text)
            if found is None:
                raise UsageError(
                    f"{text!r} is not the id of a promise",
                    "an id is COMPONENT-UUID/WORKER/NUMBER; a worker and an oplog index do as well",
                )
            row = catalogue.worker(found.worker)
            if row is not None and component_id_of(row.component) != str(found.component):
                raise UsageError(f"the promise {text} is of another component than the worker {found.worker!r} here")
            return Named(found.worker, found.index, by_id=True, component=str(found.component))
    shown = ", ".join(map(repr, given))
    raise UsageError(f"no promise is named by {shown}", "give its id, or its worker and its index")


def data_of(value: object) -> bytes:
    """A value as a promise holds it: bytes and text as they are, everything else as JSON."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode()
    kind = type(value)
    try:
        typed_json.check_type(kind)
        return typed_json.to_bytes(value, kind)
    except (TypeError, ValueError) as error:
        hint = "give bytes, text, numbers, lists, dicts, a dataclass or a member of an Enum"
        raise UsageError(f"a promise cannot hold {value!r}: {error}", hint) from error


def type_told(text: bytes | None) -> str | None:
    """The type that a guest has told of, if it is one."""
    try:
        described.type_of(json.loads(text or b""))
        return (text or b"").decode()
    except (KeyError, RecursionError, TypeError, ValueError):
        return None


def type_name(type_: str | None) -> str | None:
    """The name of the type that is on record, as people write it."""
    return None if type_ is None else typed_json.name_of(described.type_of(json.loads(type_)))


# In a transaction that is open


def make(connection: sqlite3.Connection, worker: int, index: int, known_by: tuple[str, int], type_: str | None) -> None:
    maker, number = known_by
    values: dict[str, Any] = {"maker": maker, "number": number, "type": type_}
    tables.insert(connection, "promise", conflict="IGNORE", worker=worker, idx=index, state="pending", **values)


def of_id(
    connection: sqlite3.Connection, component: str, maker: str, number: int, holder: int | None = None
) -> list[tables.Row]:
    """The promise that is known by that, its maker's first, and its copies; that of `holder` alone where it has one.

    `component` is a UUID. Raises NoPromise.
    """
    found = tables.select(connection, "promise", _ID, (maker, number))
    rows = [row for row in found if _component_of(connection, row["worker"]) == component]
    if not rows:
        _find_altered(connection, maker, number)
        raise NoPromise(maker, number, _why_none(connection, maker, number))
    return [row for row in rows if row["worker"] == holder] or sorted(rows, key=lambda row: row["worker"])


def _find_altered(connection: sqlite3.Connection, maker: str, number: int) -> None:
    """Raise DamagedRow where the promise is there, and was altered in that by which it is looked for."""
    tables.missing(connection, "promise", maker, number)
    for _ in tables.select(connection, "promise", _ID, (maker, number)):  # its index may be
        continue


def _why_none(connection: sqlite3.Connection, maker: str, number: int) -> str:
    if connection.execute(_USED, (maker, number)).fetchone() is not None:
        return "an earlier worker of that name made it, which was deleted"
    known = connection.execute("SELECT 1 FROM worker WHERE name = ?", (maker,)).fetchone()
    return "" if known is not None else f"there is no worker {maker!r} in this data directory"


def _component_of(connection: sqlite3.Connection, worker: int) -> str | None:
    row = tables.one(connection, "worker", "WHERE id = ?", (worker,))
    return None if row is None else component_id_of(row["component"])


def complete(connection: sqlite3.Connection, rows: list[tables.Row], data: bytes) -> list[int]:
    """Give those the value that have none yet; whose they are. Raises WrongValue."""
    pending = [row for row in rows if row["state"] == "pending"]
    for row in pending:
        _check(row, data)
    text = json.dumps({"base64": base64.b64encode(data).decode()})
    for row in pending:
        (last,) = connection.execute(_LAST, (row["worker"],)).fetchone()
        tables.update(connection, "promise", row, state="completed", data=text, done=last)
    return [row["worker"] for row in pending]


def _check(row: tables.Row, data: bytes) -> None:
    if row["type"] is None:
        return
    kind = described.type_of(json.loads(row["type"]))
    try:
        typed_json.from_bytes(data, kind)
    except typed_json.Mismatch as mismatch:
        name = typed_json.name_of(kind)
        said = f"the promise {row['number']} of worker {row['maker']!r} is of type {name}, and this value is not"
        raise WrongValue(f"{said}: {mismatch}", "it is still pending; give a value of its type") from None


def delete(connection: sqlite3.Connection, row: tables.Row) -> None:
    (last,) = connection.execute(_LAST, (row["worker"],)).fetchone()
    tables.update(connection, "promise", row, state="deleted", gone=last)


def take_back(connection: sqlite3.Connection, worker: int, kept: int) -> None:
    """Everything that the worker did after entry `kept` is taken back: so is what it made, was given or deleted."""
    for row in tables.select(connection, "promise", "WHERE worker = ?", (worker,)):
        if row["idx"] > kept:
            connection.execute(f"DELETE FROM promise {_PLACE}", (worker, row["idx"]))  # noqa: S608 - fixed text
        else:
            then = _as_of(row, kept)
            if then != row:
                tables.update(connection, "promise", row, **then)


def copy(connection: sqlite3.Connection, worker: int, target: int, kept: int, last: int) -> None:
    """Give `target` what `worker` had at entry `kept` of `last`."""
    for row in tables.select(connection, "promise", "WHERE worker = ? AND idx <= ?", (worker, kept)):
        then = row if kept == last else _as_of(row, kept)
        tables.insert(connection, "promise", **{**then, "worker": target})


def _as_of(row: tables.Row, kept: int) -> tables.Row:
    """What a promise was when its worker's oplog went as far as `kept`."""
    then = dict(row)
    if then["done"] is not None and then["done"] >= kept:
        then |= {"data": None, "done": None}
    if then["gone"] is not None and then["gone"] >= kept:
        then["gone"] = None
    if then["gone"] is None:
        then["state"] = "pending" if then["data"] is None else "completed"
    return then


# Reading


def value_of(store: Store, worker: int, index: int) -> bytes | None:
    """The value, or None while it is pending."""
    row = store.select_one("promise", _PLACE, (worker, index))
    if row is None or row["state"] == "deleted":
        raise NoPromise(store.name_of(worker), index)
    return None if row["state"] == "pending" else base64.b64decode(json.loads(row["data"])["base64"])


def type_of_id(store: Store, text: str) -> str | None:
    """The name of the type of the promise with that id; None where it has none, or is not there."""
    found = PromiseId.parse(text)
    row = None if found is None else store.select_one("promise", _ID, (found.worker, found.index))
    return None if row is None else type_name(row["type"])
