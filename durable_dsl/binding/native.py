"""The binding of plain Python: no host, no oplog, every call just noted.

Code under test runs once, as if live: settings are kept, indices count up, nothing is ever retried or replayed. Each
call is handed to the observers, which is how `durable_dsl.testing.trace` sees what a component would ask of its host.
State is per thread, observers see all threads.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from durable_dsl.binding.state import call
from durable_dsl.errors import RegionFailed, RewindUnsupported
from durable_dsl.policy import PersistenceLevel, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    Observer = Callable[[str, tuple[Any, ...], Any], None]


@dataclass(frozen=True)
class HostRetryPolicy:
    """The host's retry-policy record; delays in nanoseconds. Field names are golem:api/host@1.1.0's."""

    max_attempts: int
    min_delay: int
    max_delay: int
    multiplier: float
    max_jitter_factor: float | None = None


@dataclass(frozen=True)
class HostUuid:
    """The host's uuid record."""

    high_bits: int
    low_bits: int


#: Whether `start_over` brings a program back to where an index was taken.
JUMPS = False

#: The policy that the embedded engine starts with: 3 retries after 100 ms, 300 ms and 900 ms.
DEFAULT_POLICY: Final = HostRetryPolicy(3, 100_000_000, 1_000_000_000, 3.0)

#: Called with name, arguments and result of each host call, in order.
observers: list[Observer] = []


class _Host(threading.local):
    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.level = PersistenceLevel.SMART
        self.idempotent = True
        self.policy = DEFAULT_POLICY
        # A worker's first entries are its creation and the invocation; the first of the guest's own has index 3.
        self.last_index = 2


_host = _Host()


def reset() -> None:
    """Start over as a new instance: settings at their defaults, nothing pending, indices from the start."""
    call.pending.clear()
    _host.reset()


def note(name: str, arguments: tuple[Any, ...], result: Any = None) -> Any:
    """Tell the observers of a host call; its result."""
    for observe in observers:
        observe(name, arguments, result)
    return result


def next_index() -> int:
    """The index of the next entry that an oplog would have."""
    _host.last_index += 1
    return _host.last_index


def mark_begin_operation() -> int:
    index: int = note("mark-begin-operation", (), next_index())
    return index


def mark_end_operation(begin: int) -> None:
    next_index()
    note("mark-end-operation", (begin,))


def get_oplog_persistence_level() -> PersistenceLevel:
    level: PersistenceLevel = note("get-oplog-persistence-level", (), _host.level)
    return level


def set_oplog_persistence_level(level: PersistenceLevel) -> None:
    _host.level = level
    note("set-oplog-persistence-level", (level,))


def get_idempotence_mode() -> bool:
    mode: bool = note("get-idempotence-mode", (), _host.idempotent)
    return mode


def set_idempotence_mode(idempotent: bool) -> None:
    _host.idempotent = idempotent
    note("set-idempotence-mode", (idempotent,))


def get_retry_policy() -> HostRetryPolicy:
    policy: HostRetryPolicy = note("get-retry-policy", (), _host.policy)
    return policy


def set_retry_policy(policy: HostRetryPolicy) -> None:
    next_index()
    _host.policy = policy
    note("set-retry-policy", (policy,))


def oplog_commit(replicas: int) -> None:
    note("oplog-commit", (replicas,))


def get_oplog_index() -> int:
    index: int = note("get-oplog-index", (), next_index())
    return index


def set_oplog_index(_index: int) -> None:
    raise RewindUnsupported


def start_over(index: int) -> None:
    """What a component does by a jump back to `index`: here the caller runs the code again itself."""
    note("set-oplog-index", (index,))


def generate_idempotency_key() -> HostUuid:
    key = uuid.uuid4().int
    next_index()
    result: HostUuid = note("generate-idempotency-key", (), HostUuid(key >> 64, key & (2**64 - 1)))
    return result


def host_level(level: PersistenceLevel) -> PersistenceLevel:
    """`level` as the host takes it."""
    return level


def public_level(level: PersistenceLevel) -> PersistenceLevel:
    """The host's `level` as users see it."""
    return level


def public_policy(policy: HostRetryPolicy) -> RetryPolicy:
    """The host's `policy` as users see it."""
    return RetryPolicy(
        policy.max_attempts, policy.min_delay, policy.max_delay, policy.multiplier, policy.max_jitter_factor
    )


def end_instance(failure: BaseException, region: str) -> NoReturn:
    """What a component does by trapping: no host call follows, and settings die with the instance."""
    if not call.regions:
        reset()
    call.pending.clear()
    raise RegionFailed(region) from failure


def end_export(failure: BaseException) -> NoReturn:
    """A wrapper under test: what a component does by trapping is here the failure itself."""
    call.pending.clear()
    raise failure
