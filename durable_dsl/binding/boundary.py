"""Where failures end, and what generated wrappers call.

A failure that must end the instance leaves here and nowhere else: the traceback is printed as Python would print it,
output is flushed, then the guest traps, so that neither user code nor a language runtime can turn it into anything
but a trap. `sys.exit` would be a clean exit, which is never retried.
"""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

from durable_dsl.binding.current import set_retry_policy, trap
from durable_dsl.binding.state import call, raised_from

if sys.platform != "wasi":
    from durable_dsl.binding import native

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["call", "end_instance", "fail", "keep_sources", "restore_pending"]

# Where this package stands in the guest, with a trailing slash: frames from there are not the user's.
_SUPPORT_ROOT = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "")  # noqa: PTH118, PTH120


def restore_pending() -> None:
    """Set the policies again whose regions were left by an exception that user code then handled."""
    pending, call.pending = call.pending, []
    for restore in pending:
        set_retry_policy(restore.policy)


def fail(failure: BaseException) -> NoReturn:
    """End an export by `failure`: no host call, unless a policy is still to be restored that it has nothing to do with.

    In plain Python (a wrapper under test) the failure goes on as it is.
    """
    settle_pending(failure)
    if sys.platform == "wasi":
        _trap(failure)
    call.pending.clear()
    raise failure


def settle_pending(failure: BaseException) -> None:
    """Restore pending policies, unless `failure` is what left their regions: it is judged under the policy in force."""
    if call.pending and not any(raised_from(failure, restore.left_by) for restore in call.pending):
        restore_pending()


def end_instance(failure: BaseException, region: str) -> NoReturn:
    """End the instance because `failure` leaves an inner region that cannot be closed."""
    settle_pending(failure)
    if sys.platform != "wasi":
        native.end_instance(failure, region)
    _trap(failure)


def keep_sources(root: str) -> None:
    """Keep the source text of the modules under `root` for tracebacks; the guest has no files to read it from."""
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path and path.startswith(root):
            lines = linecache.getlines(path)
            # No modification time: linecache then never asks the file system whether the entry is stale.
            linecache.cache[path] = (sum(map(len, lines)), None, lines, path)


def _trap(failure: BaseException) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.write(_report(failure))
    sys.stderr.flush()
    if trap is not None:
        trap(f"{type(failure).__name__}: {failure}")
    os.abort()


def _report(failure: BaseException) -> str:
    """The traceback text of `failure`, the frames of this package and of the wrapper left out."""
    first = failure.__traceback__
    roots = [_SUPPORT_ROOT]
    if first is not None and _is_wrapper(first):
        roots.append(os.path.dirname(first.tb_frame.f_code.co_filename) + "/")  # noqa: PTH120
    report = traceback.TracebackException.from_exception(failure)
    _leave_out(report, tuple(roots))
    return "".join(report.format())


def _is_wrapper(trace: TracebackType) -> bool:
    return trace.tb_frame.f_globals.get("fail") is fail


def _leave_out(report: traceback.TracebackException, roots: tuple[str, ...]) -> None:
    waiting: list[traceback.TracebackException | None] = [report]
    while waiting:
        link = waiting.pop()
        if link is None:
            continue
        frames = [frame for frame in link.stack if not frame.filename.startswith(roots)]
        link.stack[:] = frames
        waiting += [link.__cause__, link.__context__, *(link.exceptions or ())]
