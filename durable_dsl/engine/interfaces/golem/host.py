"""golem:api/host, versions 0.2.0 and 1.1.x: what steers durability. Promises and metadata are modules of their own.

Most functions here are entries of their own kind rather than recorded calls: live they append, in replay they read the
next entry and require the kind, whatever the persistence level.
"""

from __future__ import annotations

import uuid
from functools import lru_cache
from hashlib import sha1
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.golem.ids import uuid_text
from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.oplog.entries import BeginAtomicRegion, ChangeRetryPolicy, EndAtomicRegion, NoOp
from durable_dsl.engine.replay.durability import WRITE_REMOTE, durable, nothing
from durable_dsl.engine.replay.retries import RetryPolicy
from durable_dsl.engine.signals import Failure, Fatal, Rewind

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.cursor import ReplayRow
    from durable_dsl.engine.replay.host import Host

golem_host = Interface("golem:api/host")
INTERFACES = (golem_host,)

#: Namespace of idempotency keys that an older worker derives from a key which is no UUID.
_ROOT = uuid.UUID("6d3a1f0e-6f0c-4f7b-9d0e-4c1b0a7f5e21")


@golem_host.plain("get-oplog-index")
def get_oplog_index(host: Host) -> int:
    """Not a query: the index is that of an entry written for it, so that it is the same in replay."""
    if host.cursor.live:
        return host.log.append(NoOp())
    return host.cursor.take(NoOp.kind)[0]


@golem_host.plain("set-oplog-index")
def set_oplog_index(host: Host, index: int) -> None:
    if not host.cursor.live:
        return
    if index > host.log.last:
        raise Fatal(f"set-oplog-index({index}): the oplog has {host.log.last} entries", "InvalidOplogIndex")
    if index in host.cursor.regions or index < host.invoked_at:
        raise Fatal(
            f"set-oplog-index({index}): that entry is not part of the history of this invocation any more",
            "InvalidOplogIndex",
        )
    if host.regions and index >= host.regions[0]:
        raise Fatal(
            f"set-oplog-index({index}): that is inside the atomic region begun at {host.regions[0]}, which is open",
            "InvalidOplogIndex",
        )
    host.log.append_jump(index + 1)
    raise Rewind


@golem_host.plain("oplog-commit")
def oplog_commit(host: Host, _replicas: int) -> None:
    """There is one replica, the file: asking for more waits for no others, as in Golem with fewer configured."""
    if host.cursor.live:
        host.log.commit()


@golem_host.plain("mark-begin-operation")
def mark_begin_operation(host: Host) -> int:
    if host.cursor.live:
        begin = host.log.append(BeginAtomicRegion())
    else:
        begin = host.cursor.take(BeginAtomicRegion.kind)[0]
        if not host.cursor.ended(begin):
            host.cursor.go_live()
            host.log.append_jump(begin + 1)
    host.regions.append(begin)
    return begin


@golem_host.plain("mark-end-operation")
def mark_end_operation(host: Host, begin: int) -> None:
    if host.cursor.live:
        host.log.append(EndAtomicRegion(begin))
    else:
        host.cursor.take(EndAtomicRegion.kind)
    if begin in host.regions:
        host.regions.remove(begin)


@golem_host.plain("get-retry-policy")
def get_retry_policy(host: Host) -> dict[str, Any]:
    return host.policy_in_force.to_wit()


@golem_host.plain("get-retry-policy@0.2")
def get_retry_policy_without_jitter(host: Host) -> dict[str, Any]:
    policy = host.policy_in_force.to_wit()
    del policy["max-jitter-factor"]
    return policy


@golem_host.plain("set-retry-policy")
def set_retry_policy(host: Host, record: dict[str, Any]) -> None:
    policy = RetryPolicy.from_wit(record)
    if host.cursor.live:
        host.log.append(ChangeRetryPolicy(policy.to_wit()))
    else:
        host.cursor.take(ChangeRetryPolicy.kind, lambda row: _compare(host, row, policy))
    host.policy = policy


def _compare(host: Host, row: ReplayRow, policy: RetryPolicy) -> None:
    recorded = RetryPolicy.from_wit(host.cursor.detail(row)["policy"])
    if recorded != policy:
        host.cursor.differs(row[0], f"set-retry-policy {recorded}", f"set-retry-policy {policy}", alike=True)


@golem_host.plain("get-oplog-persistence-level")
def get_oplog_persistence_level(host: Host) -> str:
    return host.level


@golem_host.plain("set-oplog-persistence-level")
def set_oplog_persistence_level(host: Host, level: str) -> None:
    if host.cursor.live:
        host.log.commit()
    host.set_level(level)


@golem_host.plain("get-idempotence-mode")
def get_idempotence_mode(host: Host) -> bool:
    return host.idempotent


@golem_host.plain("set-idempotence-mode")
def set_idempotence_mode(host: Host, idempotent: bool) -> None:
    host.idempotent = idempotent


def derived_key(host: Host, name: str) -> str:
    """The idempotency key that the invocation under way derives for `name`: a UUID of version 5.

    Its own key and who the worker is are in it: another worker may have an invocation of the same key.

    Written out, since each of them is on the way of a commit, and `uuid.uuid5` takes three times as long.
    """
    space = _namespace(host.invocation_key, host.identity.incarnation)
    text = sha1(space + name.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANTS[text[16]]
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{variant}{text[17:20]}-{text[20:32]}"


#: The digit that tells the layout, by what the hash has there.
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


@lru_cache(maxsize=256)
def _namespace(key: str, incarnation: str | None) -> bytes:
    """The same for every key of an invocation."""
    if incarnation is not None:
        return uuid.uuid5(uuid.UUID(incarnation), key).bytes
    try:
        return uuid.UUID(key).bytes
    except ValueError:
        return uuid.uuid5(_ROOT, key).bytes


def _uuid_record(_host: Host, stored: str, _name: str) -> dict[str, int]:
    number = int(stored.replace("-", ""), 16)
    return {"high-bits": number >> 64, "low-bits": number & (1 << 64) - 1}


_generate = durable(
    derived_key,
    "golem api::generate_idempotency_key",
    WRITE_REMOTE,
    request=nothing,
    finish=_uuid_record,
    leaves=False,
)


@golem_host.plain("generate-idempotency-key")
def generate_idempotency_key(host: Host) -> dict[str, int]:
    return _generate(host, host.next_key_name())  # type: ignore[no-any-return]


@golem_host.plain("get-self-uri")
def get_self_uri(host: Host, function: str) -> dict[str, str]:
    return {"value": f"urn:worker:{host.worker.component_id}/{host.called}/{function}"}


@golem_host.plain("worker-uri")
def worker_uri(_host: Host, worker: dict[str, Any]) -> dict[str, str]:
    """Of any worker, there or not. Only version 1.1.5 has it."""
    return {"value": f"urn:worker:{uuid_text(worker['component-id']['uuid'])}/{worker['worker-name']}"}


@golem_host.plain("trap")
def trap(_host: Host, reason: str) -> None:
    """Golem 1.5's way to fail without the guest being able to catch it."""
    raise Failure(reason, "Trap")
