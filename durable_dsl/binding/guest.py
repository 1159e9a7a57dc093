"""The binding of a component: its imports of golem:api/host.

`durable_host` is written by the build and holds exactly the functions and types that the component imports; a
function that was left out is answered by an error that says how to get it in.
"""

from __future__ import annotations

import ast  # noqa: F401 - traceback imports these two when it prints, and would look for files
import os
import sys
import unicodedata  # noqa: F401
from typing import TYPE_CHECKING, Any, NoReturn

import durable_host as host

from durable_dsl.binding.reporting import print_failure
from durable_dsl.errors import HostFunctionMissing
from durable_dsl.policy import PersistenceLevel, RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Callable


def imported(name: str) -> Callable[..., Any]:
    """The host function of that name, or what says that the build left it out."""
    function: Callable[..., Any] | None = getattr(host, name, None)
    if function is not None:
        return function

    def missing(*_arguments: object) -> NoReturn:
        raise HostFunctionMissing(name.replace("_", "-"))

    return missing


mark_begin_operation = imported("mark_begin_operation")
mark_end_operation = imported("mark_end_operation")
get_oplog_persistence_level = imported("get_oplog_persistence_level")
set_oplog_persistence_level = imported("set_oplog_persistence_level")
get_idempotence_mode = imported("get_idempotence_mode")
set_idempotence_mode = imported("set_idempotence_mode")
get_retry_policy = imported("get_retry_policy")
set_retry_policy = imported("set_retry_policy")
oplog_commit = imported("oplog_commit")
get_oplog_index = imported("get_oplog_index")
set_oplog_index = imported("set_oplog_index")
generate_idempotency_key = imported("generate_idempotency_key")

#: Goes on where the index was taken, with the state that the program had then: it does not return.
start_over = set_oplog_index
JUMPS = True

# Golem before 1.5.1 has no `trap`; there the guest aborts, which traps as well.
_trap: Callable[[str], None] | None = getattr(host, "trap", None)

_CASES = {
    PersistenceLevel.PERSIST_NOTHING: "PersistenceLevel_PersistNothing",
    PersistenceLevel.PERSIST_REMOTE_SIDE_EFFECTS: "PersistenceLevel_PersistRemoteSideEffects",
    PersistenceLevel.SMART: "PersistenceLevel_Smart",
}
_HOST_LEVELS = {level: getattr(host, case)() for level, case in _CASES.items() if hasattr(host, case)}
_PUBLIC_LEVELS = {type(value): level for level, value in _HOST_LEVELS.items()}


def host_level(level: PersistenceLevel) -> Any:
    """`level` as the host takes it: one value per level. None where the setter is missing, which says so itself."""
    return _HOST_LEVELS.get(level)


def public_level(level: object) -> PersistenceLevel:
    """The host's `level` as users see it."""
    return _PUBLIC_LEVELS[type(level)]


def public_policy(policy: Any) -> RetryPolicy:
    """The host's `policy` as users see it."""
    return RetryPolicy(
        policy.max_attempts,
        policy.min_delay,
        policy.max_delay,
        policy.multiplier,
        getattr(policy, "max_jitter_factor", None),
    )


def end_export(failure: BaseException) -> NoReturn:
    """Print `failure` and trap. Never `sys.exit`: that is a clean exit, which no policy retries."""
    sys.addaudithook(_open_nothing)
    print_failure(failure)
    if _trap is not None:
        _trap(f"{type(failure).__name__}: {failure}")
    os.abort()


def _open_nothing(event: str, _arguments: Any) -> None:
    """Keep Python itself from files: for the marks under a line it parses some, and looks for a file if that fails."""
    if event == "open":
        raise OSError("no file is opened while a failure is printed")


def end_instance(failure: BaseException, _region: str) -> NoReturn:
    """The same from inside: user code further out sees nothing of it."""
    end_export(failure)


def reset() -> None:
    """Nothing to do: settings die with the instance."""
