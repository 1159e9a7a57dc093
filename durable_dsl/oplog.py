"""The oplog from inside: commit, index, rewind, idempotency keys; and the settings in force.

In plain Python the same calls are answered by a stand-in without an oplog.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from durable_dsl import policy
from durable_dsl.binding import current
from durable_dsl.binding.boundary import restore_pending
from durable_dsl.binding.http.overlaps import settle
from durable_dsl.binding.state import call, open_atomic_region
from durable_dsl.errors import RegionError

if TYPE_CHECKING:
    from durable_dsl.policy import PersistenceLevel, RetryPolicy


def oplog_commit(replicas: int = 1) -> None:
    """Wait until everything recorded so far is on `replicas` replicas. Raises MarkError for a bad number."""
    count = policy.replica_count(replicas)
    _settle()
    current.oplog_commit(count)


def oplog_index() -> int:
    """A fresh marker in the oplog, to `rewind` to. Recorded: a replay gives the same index."""
    _settle()
    if call.exchanges:
        settle(every=True)
    index: int = current.get_oplog_index()
    if call.transactions:
        call.steps_at[index] = call.steps
    return index


def rewind(index: int) -> None:
    """Forget everything after `index` and go on from there, live, with the state that the program had then.

    Does not return: the instance is replaced by one that replays up to `index`. Use a fresh `oplog_index()` per
    attempt; Golem from 1.1.17 traps on a second jump to one index. Raises RegionError if `index` lies in an atomic
    region that is still open, or if operations of an open transaction have finished since; RewindUnsupported in plain
    Python.
    """
    begin = open_atomic_region()
    if begin is not None and index >= begin:
        raise RegionError(
            f"cannot rewind to {index}: it lies in an atomic region that is still open (begun at {begin}). "
            f"An open region runs again as a whole; take the index before the region"
        )
    if call.transactions and _forgets_steps(index):
        raise RegionError(
            f"cannot rewind to {index}: finished operations of a transaction would be forgotten, and never undone. "
            f"Raise an exception, which undoes them; @transaction(retry=True) then starts anew"
        )
    _settle()
    current.set_oplog_index(index)


def _forgets_steps(index: int) -> bool:
    """Whether operations of open transactions have finished since an index was taken, or run now."""
    if any(each.running for each in call.transactions):
        return True
    if index in call.steps_at:
        return call.steps != call.steps_at[index]
    return any(each.steps for each in call.transactions)


def idempotency_key() -> uuid.UUID:
    """A key for a remote service to know a repeated request by. Recorded: a replay gives the same key.

    Inside an atomic region on golem-1.x targets the key differs each time the region runs again: take it before.
    """
    _settle()
    if call.exchanges:
        settle()
    key = current.generate_idempotency_key()
    return uuid.UUID(int=(key.high_bits << 64) | key.low_bits)


def persistence_level() -> PersistenceLevel:
    """The persistence level in force."""
    _settle()
    return current.public_level(current.get_oplog_persistence_level())


def is_idempotent() -> bool:
    """Whether remote writes of unknown outcome may be sent again."""
    _settle()
    mode: bool = current.get_idempotence_mode()
    return mode


def retry_policy() -> RetryPolicy:
    """The retry policy in force."""
    _settle()
    return current.public_policy(current.get_retry_policy())


def _settle() -> None:
    if call.pending:
        restore_pending()
