"""wasi:keyvalue: buckets in the data directory, shared by all workers of it.

Reads are recorded. A write and its entry are in one transaction: neither is there without the other. Of a value that
is written its digest is recorded, since the value itself is in the bucket.
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

errors = Interface("wasi:keyvalue/wasi-keyvalue-error")
types = Interface("wasi:keyvalue/types")
eventual = Interface("wasi:keyvalue/eventual")
eventual_batch = Interface("wasi:keyvalue/eventual-batch")
INTERFACES = (errors, types, eventual, eventual_batch)

Outcome = dict[str, Any]
_DONE: Outcome = {"ok": None}


class Error:
    """The resource `error`."""

    resource_kind = "error"

    def __init__(self, text: str) -> None:
        self.text = text


class Bucket:
    """The resource `bucket`: a name; the bucket is there as soon as something is in it."""

    resource_kind = "bucket"

    def __init__(self, name: str) -> None:
        self.name = name


@errors.plain("[method]error.trace")
def trace(_host: Host, error: Error) -> str:
    return error.text


# Values


@types.plain("[static]bucket.open-bucket")
def open_bucket(_host: Host, name: str) -> Outcome:
    return {"ok": Bucket(name)}


@types.plain("[static]outgoing-value.new-outgoing-value")
def new_outgoing_value(_host: Host) -> OutgoingValue:
    return OutgoingValue()


@types.plain("[method]outgoing-value.outgoing-value-write-body-async")
def write_body_async(_host: Host, value: OutgoingValue) -> Outcome:
    if value.stream_given:
        return {"err": Error("the value has a stream already")}
    value.stream_given = True
    return {"ok": ValueWriter(value)}


@types.plain("[method]outgoing-value.outgoing-value-write-body-sync")
def write_body_sync(_host: Host, value: OutgoingValue, content: bytes) -> Outcome:
    value.content[:] = content
    return _DONE


@types.plain("[method]incoming-value.incoming-value-consume-sync")
def consume_sync(_host: Host, value: IncomingValue) -> Outcome:
    return {"ok": value.content}


@types.plain("[method]incoming-value.incoming-value-consume-async")
def consume_async(_host: Host, value: IncomingValue) -> Outcome:
    return {"ok": ValueReader(value)}


@types.plain("[method]incoming-value.incoming-value-size")
def size(_host: Host, value: IncomingValue) -> Outcome:
    return {"ok": len(value.content)}


def _incoming(content: bytes | None) -> IncomingValue | None:
    return None if content is None else IncomingValue(content)


# One key


def _key(bucket: Bucket, key: str, *_: object) -> list[str]:
    return [bucket.name, key]


def _value(_host: Host, content: bytes | None, *_: object) -> Outcome:
    return {"ok": _incoming(content)}


def _done(_host: Host, _stored: None, *_: object) -> Outcome:
    return _DONE


def _read(host: Host, bucket: Bucket, key: str) -> bytes | None:
    row = host.log.store.at("bucket", bucket.name, key)
    return None if row is None else row["value"]


def _set(connection: sqlite3.Connection, bucket: Bucket, key: str, value: OutgoingValue) -> None:
    row = {"bucket": bucket.name, "key": key, "value": bytes(value.content)}
    tables.insert(connection, "bucket", conflict="REPLACE", **row)


@eventual.durable("get", READ_REMOTE, "golem keyvalue::eventual::get", request=_key, finish=_value)
def get(host: Host, bucket: Bucket, key: str) -> bytes | None:
    return _read(host, bucket, key)


@eventual.durable(
    "exists",
    READ_REMOTE,
    "golem keyvalue::eventual::exists",
    request=_key,
    finish=lambda _host, stored, *_: {"ok": stored},
)
def exists(host: Host, bucket: Bucket, key: str) -> bool:
    return _read(host, bucket, key) is not None


@eventual.durable(
    "set",
    WRITE_REMOTE,
    "golem keyvalue::eventual::set",
    request=lambda bucket, key, value: [bucket.name, key, value.digest],
    formerly=lambda bucket, key, value: [bucket.name, key, value.size],
    finish=_done,
    transaction=True,
)
def set_value(_host: Host, connection: sqlite3.Connection, bucket: Bucket, key: str, value: OutgoingValue) -> None:
    _set(connection, bucket, key, value)


@eventual.durable(
    "delete", WRITE_REMOTE, "golem keyvalue::eventual::delete", request=_key, finish=_done, transaction=True
)
def delete(_host: Host, connection: sqlite3.Connection, bucket: Bucket, key: str) -> None:
    tables.remove(connection, "bucket", bucket.name, key)


# Several keys


def _keys(bucket: Bucket, keys: list[str]) -> list[Any]:
    return [bucket.name, keys]


@eventual_batch.durable(
    "get-many",
    READ_REMOTE,
    "golem keyvalue::eventual_batch::get_many",
    request=_keys,
    finish=lambda _host, stored, *_: {"ok": [_incoming(content) for content in stored]},
)
def get_many(host: Host, bucket: Bucket, keys: list[str]) -> list[bytes | None]:
    return [_read(host, bucket, key) for key in keys]


@eventual_batch.durable(
    "keys",
    READ_REMOTE,
    "golem keyvalue::eventual_batch::get_keys",
    request=lambda bucket: bucket.name,
    finish=lambda _host, stored, *_: {"ok": stored},
)
def get_keys(host: Host, bucket: Bucket) -> list[str]:
    return host.log.store.names("bucket", "key", "WHERE bucket = ?", (bucket.name,))


@eventual_batch.durable(
    "set-many",
    WRITE_REMOTE,
    "golem keyvalue::eventual_batch::set_many",
    request=lambda bucket, pairs: [bucket.name, [[key, value.digest] for key, value in pairs]],
    formerly=lambda bucket, pairs: [bucket.name, [[key, value.size] for key, value in pairs]],
    finish=_done,
    transaction=True,
)
def set_many(
    _host: Host, connection: sqlite3.Connection, bucket: Bucket, pairs: list[tuple[str, OutgoingValue]]
) -> None:
    for key, value in pairs:
        _set(connection, bucket, key, value)


@eventual_batch.durable(
    "delete-many",
    WRITE_REMOTE,
    "golem keyvalue::eventual_batch::delete_many",
    request=_keys,
    finish=_done,
    transaction=True,
)
def delete_many(_host: Host, connection: sqlite3.Connection, bucket: Bucket, keys: list[str]) -> None:
    for key in keys:
        tables.remove(connection, "bucket", bucket.name, key)
