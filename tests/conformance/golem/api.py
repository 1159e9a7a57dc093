"""golem:api/host, versions 0.2.0 and 1.1.0: what steers durability."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from tests.conformance.golem.host import DEFAULT_POLICY, offers
from tests.conformance.golem.oplog import READ_REMOTE, WRITE_LOCAL, WRITE_REMOTE, Entry
from tests.conformance.golem.replay import ends
from tests.conformance.golem.signals import Failed, Jumped, Suspended

if TYPE_CHECKING:
    from tests.conformance.golem.host import Host

API = "golem:api/host"
_ROOT = uuid.UUID("00000000-0000-4000-8000-000000000000")
COMPONENT = uuid.UUID("6b7d9a82-50bf-46eb-8164-d7000aa20b64")
WORKER = "judged"


@offers(API, "get-oplog-index")
def get_oplog_index(host: Host) -> int:
    if host.live:
        return host.oplog.add(Entry("NoOp"))
    return host.replay.take("NoOp")[0]


@offers(API, "set-oplog-index")
def set_oplog_index(host: Host, index: int) -> None:
    if not host.live:
        return
    jump = len(host.oplog) + 1
    if index + 1 > jump:
        raise Failed(f"Attempted to set oplog index to {index}, beyond its end")
    host.oplog.add(Entry("Jump", region=(index + 1, jump)), commit=True)
    raise Jumped


@offers(API, "oplog-commit")
def oplog_commit(host: Host, _replicas: int) -> None:
    if host.live:
        host.oplog.commit()


@offers(API, "mark-begin-operation")
def mark_begin_operation(host: Host) -> int:
    if host.live:
        return host.oplog.add(Entry("BeginAtomicRegion"))
    begin, _ = host.replay.take("BeginAtomicRegion")
    if not host.replay.look_ahead(ends("EndAtomicRegion", begin)):
        host.repeat_from(begin)
    return begin


@offers(API, "mark-end-operation")
def mark_end_operation(host: Host, begin: int) -> None:
    if host.live:
        host.oplog.add(Entry("EndAtomicRegion", begin=begin))
    else:
        host.replay.take("EndAtomicRegion")


@offers(API, "get-oplog-persistence-level")
def get_level(host: Host) -> str:
    return host.level


@offers(API, "set-oplog-persistence-level")
def set_level(host: Host, level: str) -> None:
    """No entry is written: in replay, too, the level is what the guest sets."""
    if host.live:
        host.oplog.commit()
    host.level = level


@offers(API, "get-idempotence-mode")
def get_mode(host: Host) -> bool:
    return host.idempotent


@offers(API, "set-idempotence-mode")
def set_mode(host: Host, idempotent: bool) -> None:
    host.idempotent = idempotent


@offers(API, "get-retry-policy")
def get_policy(host: Host) -> dict[str, Any]:
    return dict(host.policy or DEFAULT_POLICY)


@offers(API, "get-retry-policy@1")
def get_policy_with_jitter(host: Host) -> dict[str, Any]:
    return {"max-jitter-factor": None} | get_policy(host)


@offers(API, "set-retry-policy")
def set_policy(host: Host, policy: dict[str, Any]) -> None:
    if host.live:
        host.oplog.add(Entry("ChangeRetryPolicy", data=policy))
    else:
        host.replay.take("ChangeRetryPolicy")
    host.policy = policy


@offers(API, "generate-idempotency-key")
def generate_key(host: Host) -> dict[str, int]:
    """Derived from the invocation's key and the index, which a repeated region has moved."""
    index = host.index
    text = host.call("golem api::generate_idempotency_key", lambda: str(_derived(host.key, index)), WRITE_REMOTE)
    number = uuid.UUID(text).int
    return {"high-bits": number >> 64, "low-bits": number & (1 << 64) - 1}


def _derived(key: str, index: int) -> uuid.UUID:
    try:
        space = uuid.UUID(key)
    except ValueError:
        space = uuid.uuid5(_ROOT, key)
    return uuid.uuid5(space, f"oplog-index-{index}")


@offers(API, "create-promise")
def create_promise(host: Host) -> dict[str, Any]:
    index = get_oplog_index(host)
    host.promises.setdefault(index, None)
    number = COMPONENT.int
    component = {"uuid": {"high-bits": number >> 64, "low-bits": number & (1 << 64) - 1}}
    return {"worker-id": {"component-id": component, "worker-name": WORKER}, "oplog-idx": index}


@offers(API, "await-promise")
def await_promise(host: Host, promise: dict[str, Any]) -> bytes:
    """Not recorded: the store is asked again in replay."""
    value = host.promises[promise["oplog-idx"]]
    if value is None:
        raise Suspended(None)
    return value


@offers(API, "poll-promise")
def poll_promise(host: Host, promise: dict[str, Any]) -> bytes | None:
    return host.call("golem_poll_promise", lambda: host.promises[promise["oplog-idx"]], READ_REMOTE)


@offers(API, "complete-promise")
def complete_promise(host: Host, promise: dict[str, Any], data: bytes) -> bool:
    def complete() -> bool:
        pending = host.promises[promise["oplog-idx"]] is None
        if pending:
            host.promises[promise["oplog-idx"]] = bytes(data)
        return pending

    return bool(host.call("golem_complete_promise", complete, WRITE_LOCAL))
