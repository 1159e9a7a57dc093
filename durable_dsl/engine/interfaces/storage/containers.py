"""wasi:blobstore: containers in the data directory, shared by all workers of it. Their objects: `blobstore_objects`.

Reads are recorded. A write and its entry are in one transaction: neither is there without the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.interfaces.storage.values import IncomingValue, OutgoingValue, ValueReader, ValueWriter
from durable_dsl.engine.oplog import tables
from durable_dsl.engine.replay.durability import READ_REMOTE, WRITE_REMOTE

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.replay.host import Host

types = Interface("wasi:blobstore/types")
blobstore = Interface("wasi:blobstore/blobstore")
INTERFACES = (types, blobstore)

Outcome = dict[str, Any]
SECOND = 1_000_000_000


class Container:
    """The resource `container`: its name, and when it was made (seconds since 1970)."""

    resource_kind = "container"

    def __init__(self, name: str, created: int) -> None:
        self.name = name
        self.created = created


def missing(name: str) -> Outcome:
    return {"err": f"there is no container {name!r}"}


# Values


@types.plain("[static]outgoing-value.new-outgoing-value")
def new_outgoing_value(_host: Host) -> OutgoingValue:
    return OutgoingValue()


@types.plain("[method]outgoing-value.outgoing-value-write-body")
def write_body(_host: Host, value: OutgoingValue) -> Outcome:
    if value.stream_given:
        return {"err": None}
    value.stream_given = True
    return {"ok": ValueWriter(value)}


@types.plain("[method]incoming-value.incoming-value-consume-sync")
def consume_sync(_host: Host, value: IncomingValue) -> Outcome:
    return {"ok": value.content}


@types.plain("[method]incoming-value.incoming-value-consume-async")
def consume_async(_host: Host, value: IncomingValue) -> Outcome:
    return {"ok": ValueReader(value)}


@types.plain("[method]incoming-value.size")
def size(_host: Host, value: IncomingValue) -> int:
    return len(value.content)


# Containers


def _opened(_host: Host, stored: Outcome, name: str) -> Outcome:
    return {"ok": Container(name, stored["ok"])} if "ok" in stored else stored


@blobstore.durable(
    "create-container",
    WRITE_REMOTE,
    "golem blobstore::blobstore::create_container",
    finish=_opened,
    transaction=True,
)
def create_container(host: Host, connection: sqlite3.Connection, name: str) -> Outcome:
    """One that is there already is opened as it is."""
    known = tables.at(connection, "container", name)
    if known is None:
        known = {"name": name, "time": host.clock.now()}
        tables.insert(connection, "container", **known)
    return {"ok": known["time"] // SECOND}


@blobstore.durable("get-container", READ_REMOTE, "golem blobstore::blobstore::get_container", finish=_opened)
def get_container(host: Host, name: str) -> Outcome:
    row = host.log.store.at("container", name)
    return missing(name) if row is None else {"ok": row["time"] // SECOND}


@blobstore.durable("delete-container", WRITE_REMOTE, "golem blobstore::blobstore::delete_container", transaction=True)
def delete_container(_host: Host, connection: sqlite3.Connection, name: str) -> Outcome:
    connection.execute("DELETE FROM object WHERE container = ?", (name,))
    return {"ok": None} if tables.remove(connection, "container", name) else missing(name)


@blobstore.durable("container-exists", READ_REMOTE, "golem blobstore::blobstore::container_exists")
def container_exists(host: Host, name: str) -> Outcome:
    return {"ok": host.log.store.at("container", name) is not None}


def _copy(host: Host, connection: sqlite3.Connection, source: Outcome, target: Outcome) -> Outcome:
    if tables.at(connection, "container", target["container"]) is None:
        return missing(target["container"])
    found = tables.at(connection, "object", source["container"], source["object"])
    if found is None:
        return {"err": f"there is no object {source['object']!r} in {source['container']!r}"}
    copy = {"container": target["container"], "name": target["object"], "time": host.clock.now(), "data": found["data"]}
    tables.insert(connection, "object", conflict="REPLACE", **copy)
    return {"ok": None}


@blobstore.durable("copy-object", WRITE_REMOTE, "golem blobstore::blobstore::copy_object", transaction=True)
def copy_object(host: Host, connection: sqlite3.Connection, source: Outcome, target: Outcome) -> Outcome:
    return _copy(host, connection, source, target)


@blobstore.durable("move-object", WRITE_REMOTE, "golem blobstore::blobstore::move_object", transaction=True)
def move_object(host: Host, connection: sqlite3.Connection, source: Outcome, target: Outcome) -> Outcome:
    outcome = _copy(host, connection, source, target)
    if "ok" in outcome and source != target:
        tables.remove(connection, "object", source["container"], source["object"])
    return outcome
