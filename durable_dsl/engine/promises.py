"""Promises: values that somebody gives later, addressed by a worker and the oplog index at which it made them."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from durable_dsl import typed_json
from durable_dsl.component_ids import component_id_of
from durable_dsl.engine.errors import UsageError
from durable_dsl.engine.oplog import tables
from durable_dsl.promise_ids import PromiseId

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from durable_dsl.engine.catalogue import Catalogue
    from durable_dsl.engine.oplog.store import Store

_WHERE = "WHERE worker = ? AND idx = ?"


class NoPromise(UsageError):  # noqa: N818 - a state of things, told to guests and callers alike
    """There is no such promise: it was never made, or deleted."""

    def __init__(self, worker: str, index: int) -> None:
        super().__init__(f"worker {worker!r} has no promise {index}")
        self.args = (worker, index)


def named(catalogue: Catalogue, given: Sequence[object]) -> tuple[str, int]:
    """Worker and index of the promise that is named by the text of its id, or by the two."""
    match given:
        case [str(worker), int(index)]:
            return worker, index
        case [str(text)]:
            found = PromiseId.parse(text)
            if found is None:
                raise UsageError(
                    f"{text!r} is not the id of a promise",
                    "an id is COMPONENT-UUID/WORKER/INDEX; a worker and an index do as well",
                )
            row = catalogue.worker(found.worker)
            if row is not None and component_id_of(row.component) != str(found.component):
                raise UsageError(f"the promise {text} is of another component than the worker {found.worker!r} here")
            return found.worker, found.index
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


def make(connection: sqlite3.Connection, worker: int, index: int) -> None:
    tables.insert(connection, "promise", conflict="IGNORE", worker=worker, idx=index, state="pending")


def complete(connection: sqlite3.Connection, worker: int, name: str, index: int, data: bytes) -> bool:
    """Give the value; False if it has one already."""
    row = tables.one(connection, "promise", _WHERE, (worker, index))
    if row is None:
        raise NoPromise(name, index)
    if row["state"] != "pending":
        return False
    text = json.dumps({"base64": base64.b64encode(data).decode()})
    tables.update(connection, "promise", row, state="completed", data=text)
    return True


def delete(connection: sqlite3.Connection, worker: int, name: str, index: int) -> None:
    if connection.execute("DELETE FROM promise WHERE worker = ? AND idx = ?", (worker, index)).rowcount == 0:
        raise NoPromise(name, index)


def exists(store: Store, worker: int, index: int) -> bool:
    return store.select_one("promise", _WHERE, (worker, index)) is not None


def value_of(store: Store, worker: int, name: str, index: int) -> bytes | None:
    """The value, or None while it is pending."""
    row = store.select_one("promise", _WHERE, (worker, index))
    if row is None:
        raise NoPromise(name, index)
    return None if row["state"] == "pending" else base64.b64decode(json.loads(row["data"])["base64"])
