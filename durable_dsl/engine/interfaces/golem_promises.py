"""golem:api/host: promises.

`create-promise` is an entry of its own, for its index, and on disk before the guest has the id: there is no telling by
which way that will leave. Awaiting one that is not completed ends the instance; when it is
completed, by whomever, the worker is woken and the call is recorded, so that a promise can be deleted later. Inside an
open region, or while a request is open, the guest waits in place. A promise made in an open region would be made anew
by its repetition, so awaiting it there is refused.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from durable_dsl.engine import promises
from durable_dsl.engine.durability import READ_REMOTE, WRITE_LOCAL
from durable_dsl.engine.host import PERSIST_NOTHING, Host
from durable_dsl.engine.interfaces.golem_host import get_oplog_index, golem_host
from durable_dsl.engine.interfaces.golem_ids import known_worker, permit, worker_record
from durable_dsl.engine.signals import AwaitPromise, Failure, Fatal
from durable_dsl.engine.suspension import LOOKS_AGAIN

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

INTERFACES = (golem_host,)

Id = dict[str, Any]


@golem_host.plain("create-promise")
def create_promise(host: Host) -> Id:
    index = get_oplog_index(host)
    if host.cursor.live:
        host.log.at_next_commit(lambda connection: promises.make(connection, host.worker.id, index))
        host.log.commit()
    return {"worker-id": worker_record(host.worker.component, host.worker.name), "oplog-idx": index}


def _index(promise: Id, *_: object) -> int:
    """What replay compares of a promise: a forked worker has another name."""
    index: int = promise["oplog-idx"]
    return index


def _owner(host: Host, promise: Id) -> tuple[int, str]:
    """Whose promise it is. Ids in the history of a forked worker name the one that it was forked from."""
    store, worker = host.worker.engine.store, host.worker
    if promise["worker-id"]["worker-name"] == worker.created.parent and promises.exists(
        store, worker.id, promise["oplog-idx"]
    ):
        return worker.id, worker.name
    row = known_worker(host, promise["worker-id"])
    return row.id, row.name


@contextmanager
def _missing_is_a_failure() -> Iterator[None]:
    try:
        yield
    except promises.NoPromise as missing:
        raise Failure(str(missing), "NoPromise") from missing


def _value(host: Host, owner: int, name: str, index: int) -> bytes | None:
    """The value, or None."""
    with _missing_is_a_failure():
        return promises.value_of(host.worker.engine.store, owner, name, index)


def _permit(host: Host, promise: Id, *_: object) -> None:
    """An id can be guessed, so it gives no right: a promise of another component takes a grant."""
    permit(host, promise["worker-id"], "using a promise of")


@golem_host.durable("await-promise", READ_REMOTE, "golem_await_promise", request=_index, permit=_permit)
def await_promise(host: Host, promise: Id) -> bytes:
    (owner, name), index = _owner(host, promise), promise["oplog-idx"]
    if host.regions and owner == host.worker.id and index > host.regions[0]:
        raise Fatal(
            f"promise {index} was made in the atomic region begun at {host.regions[0]}, which is open: a repetition of "
            "the region makes another one, and this is never completed; make it before the region",
            "AwaitInRegion",
        )
    while True:
        value = _value(host, owner, name, index)
        if value is not None:
            return value
        if not (host.regions or host.begins or host.level == PERSIST_NOTHING):
            host.suspend(AwaitPromise(owner, name, index, lambda: _came(host, promise)))
            continue
        host.log.commit()
        host.wait(None, again=LOOKS_AGAIN)


def _note_look(host: Host, value: bytes | None, promise: Id) -> bytes | None:
    """A guest that finds a promise pending sleeps and looks again: the completion will end that sleep."""
    if value is None:
        named = promise["worker-id"]["worker-name"], promise["oplog-idx"]
        host.looked_at[named] = lambda: _came(host, promise)
    return value


def _came(host: Host, promise: Id) -> bool:
    try:
        return _value(host, *_owner(host, promise), promise["oplog-idx"]) is not None
    except Failure:  # the promise is gone: the guest's next look says so
        return True


@golem_host.durable(
    "poll-promise", READ_REMOTE, "golem_poll_promise", request=_index, finish=_note_look, permit=_permit
)
def poll_promise(host: Host, promise: Id) -> bytes | None:
    return _value(host, *_owner(host, promise), promise["oplog-idx"])


def _wake(host: Host, completed: bool, promise: Id, _data: bytes) -> bool:
    if completed and host.cursor.live:
        host.worker.engine.wake(promise["worker-id"]["worker-name"])
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
    with _missing_is_a_failure():
        return promises.complete(connection, *_owner(host, promise), promise["oplog-idx"], data)


@golem_host.durable(
    "delete-promise", WRITE_LOCAL, "golem_delete_promise", request=_index, transaction=True, permit=_permit
)
def delete_promise(host: Host, connection: sqlite3.Connection, promise: Id) -> None:
    with _missing_is_a_failure():
        promises.delete(connection, *_owner(host, promise), promise["oplog-idx"])
