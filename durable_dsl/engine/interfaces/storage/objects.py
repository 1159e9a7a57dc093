"""wasi:blobstore/container: the objects of a container, and the listing of their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.interfaces.storage.containers import SECOND, Container, Outcome, missing
from durable_dsl.engine.interfaces.storage.values import IncomingValue, OutgoingValue
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.replay.durability import READ_REMOTE, WRITE_REMOTE

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.replay.host import Host

container = Interface("wasi:blobstore/container")
INTERFACES = (container,)


class ObjectNames:
    """The resource `stream-object-names`."""

    resource_kind = "stream-object-names"

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self._at = 0

    def pass_over(self, count: int) -> tuple[list[str], bool]:
        """The next names, and whether the end is reached."""
        names = self._names[self._at : self._at + count]
        self._at += len(names)
        return names, self._at == len(self._names)


def _there(host: Host, one: Container) -> bool:
    return host.log.store.at("container", one.name) is not None


def _no_object(one: Container, name: str) -> Outcome:
    return {"err": f"there is no object {name!r} in container {one.name!r}"}


def _name(one: Container, *arguments: Any) -> list[Any]:
    return [one.name, *arguments]


def _names(_host: Host, stored: Outcome, *_: object) -> Outcome:
    return {"ok": ObjectNames(stored["ok"])} if "ok" in stored else stored


@container.plain("[method]container.name")
def name_of(_host: Host, one: Container) -> Outcome:
    return {"ok": one.name}


@container.plain("[method]container.info")
def info(_host: Host, one: Container) -> Outcome:
    return {"ok": {"name": one.name, "created-at": one.created}}


# Reading


def _value(_host: Host, stored: Outcome, *_: object) -> Outcome:
    return {"ok": IncomingValue(stored["ok"])} if "ok" in stored else stored


@container.durable(
    "[method]container.get-data",
    READ_REMOTE,
    "golem blobstore::container::get_data",
    request=_name,
    finish=_value,
)
def get_data(host: Host, one: Container, name: str, start: int, end: int) -> Outcome:
    """Both ends are included; what is beyond the object's end is not there."""
    row = host.log.store.at("object", one.name, name)
    return _no_object(one, name) if row is None else {"ok": row["data"][start : end + 1]}


@container.durable(
    "[method]container.list-objects",
    READ_REMOTE,
    "golem blobstore::container::list_objects",
    request=_name,
    finish=_names,
)
def list_objects(host: Host, one: Container) -> Outcome:
    if not _there(host, one):
        return missing(one.name)
    return {"ok": host.log.store.names("object", "name", "WHERE container = ?", (one.name,))}


@container.durable("[method]container.has-object", READ_REMOTE, "golem blobstore::container::has_object", request=_name)
def has_object(host: Host, one: Container, name: str) -> Outcome:
    return {"ok": host.log.store.at("object", one.name, name) is not None}


@container.durable(
    "[method]container.object-info", READ_REMOTE, "golem blobstore::container::object_info", request=_name
)
def object_info(host: Host, one: Container, name: str) -> Outcome:
    row = host.log.store.at("object", one.name, name)
    if row is None:
        return _no_object(one, name)
    created = row["time"] // SECOND
    return {"ok": {"name": name, "container": one.name, "created-at": created, "size": len(row["data"])}}


# Writing


@container.durable(
    "[method]container.write-data",
    WRITE_REMOTE,
    "golem blobstore::container::write_data",
    request=lambda one, name, value: [one.name, name, value.digest],
    formerly=lambda one, name, value: [one.name, name, value.size],
    transaction=True,
)
def write_data(host: Host, connection: sqlite3.Connection, one: Container, name: str, value: OutgoingValue) -> Outcome:
    if tables.at(connection, "container", one.name) is None:
        return missing(one.name)
    row = {"container": one.name, "name": name, "time": host.clock.now(), "data": bytes(value.content)}
    tables.insert(connection, "object", conflict="REPLACE", **row)
    return {"ok": None}


@container.durable(
    "[method]container.delete-object",
    WRITE_REMOTE,
    "golem blobstore::container::delete_object",
    request=_name,
    transaction=True,
)
def delete_object(_host: Host, connection: sqlite3.Connection, one: Container, name: str) -> Outcome:
    tables.remove(connection, "object", one.name, name)
    return {"ok": None}


@container.durable(
    "[method]container.delete-objects",
    WRITE_REMOTE,
    "golem blobstore::container::delete_objects",
    request=_name,
    transaction=True,
)
def delete_objects(_host: Host, connection: sqlite3.Connection, one: Container, names: list[str]) -> Outcome:
    for name in names:
        tables.remove(connection, "object", one.name, name)
    return {"ok": None}


@container.durable(
    "[method]container.clear",
    WRITE_REMOTE,
    "golem blobstore::container::clear",
    request=_name,
    transaction=True,
)
def clear(_host: Host, connection: sqlite3.Connection, one: Container) -> Outcome:
    connection.execute("DELETE FROM object WHERE container = ?", (one.name,))
    return {"ok": None}


# Listings


@container.plain("[method]stream-object-names.read-stream-object-names")
def read_names(_host: Host, names: ObjectNames, count: int) -> Outcome:
    return {"ok": names.pass_over(count)}


@container.plain("[method]stream-object-names.skip-stream-object-names")
def skip_names(_host: Host, names: ObjectNames, count: int) -> Outcome:
    passed, end = names.pass_over(count)
    return {"ok": (len(passed), end)}
