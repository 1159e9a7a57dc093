"""The binding in force: a component's imports, or the stand-in of plain Python.

Chosen by the platform, never by trying an import: the stubs of a component's imports import fine on the host.
"""

from __future__ import annotations

import sys

if sys.platform == "wasi":
    from durable_dsl.binding.guest import (
        JUMPS,
        end_export,
        end_instance,
        generate_idempotency_key,
        get_idempotence_mode,
        get_oplog_index,
        get_oplog_persistence_level,
        get_retry_policy,
        host_level,
        mark_begin_operation,
        mark_end_operation,
        oplog_commit,
        public_level,
        public_policy,
        reset,
        set_idempotence_mode,
        set_oplog_index,
        set_oplog_persistence_level,
        set_retry_policy,
        start_over,
    )
else:
    from durable_dsl.binding.native import (
        JUMPS,
        end_export,
        end_instance,
        generate_idempotency_key,
        get_idempotence_mode,
        get_oplog_index,
        get_oplog_persistence_level,
        get_retry_policy,
        host_level,
        mark_begin_operation,
        mark_end_operation,
        oplog_commit,
        public_level,
        public_policy,
        reset,
        set_idempotence_mode,
        set_oplog_index,
        set_oplog_persistence_level,
        set_retry_policy,
        start_over,
    )

__all__ = [
    "JUMPS",
    "end_export",
    "end_instance",
    "generate_idempotency_key",
    "get_idempotence_mode",
    "get_oplog_index",
    "get_oplog_persistence_level",
    "get_retry_policy",
    "host_level",
    "mark_begin_operation",
    "mark_end_operation",
    "oplog_commit",
    "public_level",
    "public_policy",
    "reset",
    "set_idempotence_mode",
    "set_oplog_index",
    "set_oplog_persistence_level",
    "set_retry_policy",
    "start_over",
]
