"""Durable Python for Golem: decorators, code generation and an embedded engine.

On the host a name's module is imported when the name is first asked for: every command pays for this import, and the
marks alone (wrapt, inspect) take longer than the rest of a command's start. In a guest everything is imported at
build time.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING or sys.platform == "wasi":
    from durable_dsl.errors import (
        DurableError,
        HostFunctionMissing,
        MarkError,
        PromiseTimeout,
        RegionError,
        RegionFailed,
        RewindUnsupported,
        TransactionFailed,
        TransactionStep,
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
    from durable_dsl.promises import Promise, create_promise
    from durable_dsl.results import Err, Ok, Some
    from durable_dsl.snapshots import load_snapshot, save_snapshot
    from durable_dsl.transactions.operations import operation
    from durable_dsl.transactions.transaction import transaction
else:
    from importlib import import_module

    _HOMES = {
        "DurableError": "durable_dsl.errors",
        "Err": "durable_dsl.results",
        "HostFunctionMissing": "durable_dsl.errors",
        "MarkError": "durable_dsl.errors",
        "Ok": "durable_dsl.results",
        "PersistenceLevel": "durable_dsl.policy",
        "Promise": "durable_dsl.promises",
        "PromiseTimeout": "durable_dsl.errors",
        "RegionError": "durable_dsl.errors",
        "RegionFailed": "durable_dsl.errors",
        "RetryPolicy": "durable_dsl.policy",
        "RewindUnsupported": "durable_dsl.errors",
        "Some": "durable_dsl.results",
        "TransactionFailed": "durable_dsl.errors",
        "TransactionStep": "durable_dsl.errors",
        "atomic": "durable_dsl.marks",
        "commit": "durable_dsl.marks",
        "create_promise": "durable_dsl.promises",
        "export": "durable_dsl.marks",
        "idempotency_key": "durable_dsl.oplog",
        "idempotent": "durable_dsl.marks",
        "is_idempotent": "durable_dsl.oplog",
        "load_snapshot": "durable_dsl.snapshots",
        "non_idempotent": "durable_dsl.marks",
        "operation": "durable_dsl.transactions.operations",
        "oplog_commit": "durable_dsl.oplog",
        "oplog_index": "durable_dsl.oplog",
        "persist": "durable_dsl.marks",
        "persistence_level": "durable_dsl.oplog",
        "retry": "durable_dsl.marks",
        "retry_policy": "durable_dsl.oplog",
        "rewind": "durable_dsl.oplog",
        "save_snapshot": "durable_dsl.snapshots",
        "transaction": "durable_dsl.transactions",
    }

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'durable_dsl' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_HOMES[name]), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES})


__all__ = [
    "DurableError",
    "Err",
    "HostFunctionMissing",
    "MarkError",
    "Ok",
    "PersistenceLevel",
    "Promise",
    "PromiseTimeout",
    "RegionError",
    "RegionFailed",
    "RetryPolicy",
    "RewindUnsupported",
    "Some",
    "TransactionFailed",
    "TransactionStep",
    "atomic",
    "commit",
    "create_promise",
    "export",
    "idempotency_key",
    "idempotent",
    "is_idempotent",
    "load_snapshot",
    "non_idempotent",
    "operation",
    "oplog_commit",
    "oplog_index",
    "persist",
    "persistence_level",
    "retry",
    "retry_policy",
    "rewind",
    "save_snapshot",
    "transaction",
]
