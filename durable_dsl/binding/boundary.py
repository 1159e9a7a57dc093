"""Where failures end, and what generated wrappers call.

A failure that must end the instance leaves here and nowhere else, so that neither user code nor a language runtime
can turn it into anything but a trap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.binding import current
from durable_dsl.binding.exchanges import close_exchanges
from durable_dsl.binding.reporting import keep_sources
from durable_dsl.binding.state import call, note_open_steps, raised_from

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["call", "close_exchanges", "end_instance", "fail", "keep_sources", "restore_pending", "settle_pending"]


def restore_pending() -> None:
    """Set the policies again whose regions were left by an exception that user code then handled."""
    pending, call.pending = call.pending, []
    for restore in pending:
        current.set_retry_policy(restore.policy)


def settle_pending(failure: BaseException) -> None:
    """Restore pending policies, unless `failure` is what left their regions: it is judged under the policy in force."""
    if call.pending and not any(raised_from(failure, restore.left_by) for restore in call.pending):
        restore_pending()


def fail(failure: BaseException) -> NoReturn:
    """End an export, and with it the instance, by `failure`.

    The host is asked for nothing on the way, but for a policy still to be restored that the failure has nothing to do
    with. What is open is left open: it dies with the instance. In plain Python (a wrapper under test) the failure goes
    on as it is.
    """
    settle_pending(failure)
    if call.transactions:
        note_open_steps(failure)
    current.end_export(failure)


def end_instance(failure: BaseException, region: str) -> NoReturn:
    """End the instance because `failure` leaves an inner region (called `region`) that cannot be closed."""
    settle_pending(failure)
    if call.transactions:
        note_open_steps(failure)
    current.end_instance(failure, region)
