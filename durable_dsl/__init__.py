"""Durable Python for Golem: decorators, code generation and an embedded engine."""

from durable_dsl.errors import (
    DurableError,
    HostFunctionMissing,
    MarkError,
    RegionError,
    RegionFailed,
    RewindUnsupported,
)
from durable_dsl.marks import atomic, commit, export, idempotent, non_idempotent, persist, retry
from durable_dsl.oplog import (
    idempotency_key,
    is_idempotent,
    oplog_commit,
    oplog_index,
    persistence_level,
    retry_policy,
    rewind,
)
from durable_dsl.policy import PersistenceLevel, RetryPolicy
from durable_dsl.results import Err, Ok, Some

__all__ = [
    "DurableError",
    "Err",
    "HostFunctionMissing",
    "MarkError",
    "Ok",
    "PersistenceLevel",
    "RegionError",
    "RegionFailed",
    "RetryPolicy",
    "RewindUnsupported",
    "Some",
    "atomic",
    "commit",
    "export",
    "idempotency_key",
    "idempotent",
    "is_idempotent",
    "non_idempotent",
    "oplog_commit",
    "oplog_index",
    "persist",
    "persistence_level",
    "retry",
    "retry_policy",
    "rewind",
]
