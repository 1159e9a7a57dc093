"""golem:api/host: promises.

`create-promise` is an entry of its own, for its index, and on disk before the guest has the id: there is no telling by
which way that will leave. Awaiting one that is not completed ends the instance; when it is
completed, by whomever, the worker is woken and the call is recorded, so that a promise can be deleted later. Inside an
open region, or while a request is open, the guest waits in place. A promise made in an open region would be made anew
by its repetition, so awaiting it there is refused.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.directory import promises
from durable_dsl.engine.interfaces.golem.host import get_oplog_index, golem_host
from durable_dsl.engine.interfaces.golem.ids import permit, uuid_of, uuid_text, worker_record
from durable_dsl.engine.replay.durability import READ_REMOTE, WRITE_LOCAL
from durable_dsl.engine.replay.host import PERSIST_NOTHING, Host
from durable_dsl.engine.replay.suspension import LOOKS_AGAIN
from durable_dsl.engine.signals import AwaitPromise, Failure, Fatal
from durable_dsl.values.promise_ids import PromiseId

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from durable_dsl.engine.oplog.tables import Row

INTERFACES = (golem_host,)

Id = dict[str, Any]


@golem_host.plain("create-promise")
def create_promise(host: Host) -> Id:
    index = get_oplog_index(host)
    told = host.asides.take()
    maker, number = host.identity.promise(index)
    if host.cursor.live:
        known_by, type_ = (maker, number), promises.type_told(told)
        host.log.at_next_commit(lambda connection: promises.make(connection, host.worker.id, index, known_by, type_))
        host.log.commit()
    return {"worker-id": worker_record(host.worker.component, maker), "oplog-idx": number}


def _number(promise: Id, *_: object) -> int:
    """What replay compares of a promise."""
    number: int = promise["oplog-idx"]
    return number


@contextmanager
def _as_failures() -> Iterator[None]:
    try:
        yield
    except promises.NoPromise as missing:
        raise Failure(str(missing), "NoPromise") from missing
    except promises.WrongValue as wrong:
        raise Fatal(str(wrong), "WrongValue") from wrong


def _find(host: Host, promise: Id) -> tuple[int, int]:
    """Worker and index of the promise that the guest means: a forked worker's own copy, where it has one."""
    with _as_failures():
        row = host.worker.engine.store.reading(lambda connection: _rows(host, connection, promise))[0]
    return row["worker"], row["idx"]


def _rows(host: Host, connection: sqlite3.Connection, promise: Id) -> list[Row]:
    worker = promise["worker-id"]
    component = uuid_text(worker["component-id"]["uuid"])
    return promises.of_id(connection, component, worker["worker-name"], promise["oplog-idx"], host.worker.id)


def _value(host: Host, worker: int, index: int) -> bytes | None:
    with _as_failures():
        return promises.value_of(host.worker.engine.store, worker, index)


def _permit(host: Host, promise: Id, *_: object) -> None:
    """An id can be guessed, so it gives no right: a promise of another component takes a grant."""
    permit(host, promise["worker-id"], "using a promise of")


@golem_host.durable("await-promise", READ_REMOTE, "golem_await_promise", request=_number, permit=_permit)
def await_promise(host: Host, promise: Id) -> bytes:
    worker, index = _find(host, promise)
    if host.regions and worker == host.worker.id and index > host.regions[0]:
        raise Fatal(
            f"promise {index} was made in the atomic region begun at {host.regions[0]}, which is open: a repetition of "
            "the region makes another one, and this is never completed; make it before the region",
            "AwaitInRegion",
        )
    while True:
        value = _value(host, worker, index)
        if value is not None:
            return value
        if not (host.regions or host.begins or host.level == PERSIST_NOTHING):
            host.suspend(AwaitPromise(_text(promise), lambda: _came(host, promise)))
            continue
        host.log.commit()
        host.wait(None, again=LOOKS_AGAIN)


def _text(promise: Id) -> str:
    worker = promise["worker-id"]
    return str(PromiseId(uuid_of(worker["component-id"]["uuid"]), worker["worker-name"], promise["oplog-idx"]))


def _note_look(host: Host, value: bytes | None, promise: Id) -> bytes | None:
    """A guest that finds a promise pending sleeps and looks again: the completion will end that sleep."""
    if value is None:
        host.looked_at[_text(promise)] = lambda: _came(host, promise)
    return value


def _came(host: Host, promise: Id) -> bool:
    try:
        return _value(host, *_find(host, promise)) is not None
    except Failure:  # the promise is gone: the guest's next look says so
        return True


@golem_host.durable(
    "poll-promise", READ_REMOTE, "golem_poll_promise", request=_number, finish=_note_look, permit=_permit
)
def poll_promise(host: Host, promise: Id) -> bytes | None:
    return _value(host, *_find(host, promise))


def _wake(host: Host, completed: bool, promise: Id, _data: bytes) -> bool:
    if completed and host.cursor.live:
        engine = host.worker.engine
        with suppress(promises.NoPromise):  # deleted meanwhile
            for row in engine.store.reading(lambda connection: _rows(host, connection, promise)):
                engine.wake(engine.store.name_of(row["worker"]))
    return completed


@golem_host.durable(
    "complete-promise",
    WRITE_LOCAL,
    "golem_complete_promise",
    request=lambda promise, data: [promise["oplog-idx"], data],
    finish=_wake,
    transaction=True,
    permit=_permit,
)
def complete_promise(host: Host, connection: sqlite3.Connection, promise: Id, data: bytes) -> bool:
    with _as_failures():
        return bool(promises.complete(connection, _rows(host, connection, promise), data))


@golem_host.durable(
    "delete-promise", WRITE_LOCAL, "golem_delete_promise", request=_number, transaction=True, permit=_permit
)
def delete_promise(host: Host, connection: sqlite3.Connection, promise: Id) -> None:
    with _as_failures():
        promises.delete(connection, _rows(host, connection, promise)[0])
