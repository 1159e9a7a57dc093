"""What is done with a worker in a thread of its own, for callers that do not wait for it."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import InvocationError, LeaseError

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.worker.turns import Turns


def in_background(worker: Turns, work: Callable[[], object], *, tells: bool = True) -> Future[None]:
    """Do something in a thread; what goes wrong is told to whoever runs the engine, and with the outcome.

    That another process runs the worker, that an invocation failed or that the engine was closed is no news.
    """
    outcome: Future[None] = Future()

    def done_or_told() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised where the outcome is asked for
            known = isinstance(error, (LeaseError, InvocationError)) or worker.engine.closed
            if tells and not known:
                worker.engine.tell_once(f"warning: worker {worker.name}: {str(error) or type(error).__name__}")
            outcome.set_exception(error)
        else:
            outcome.set_result(None)

    threading.Thread(target=done_or_told, name=f"durable-dsl steering {worker.name}", daemon=True).start()
    return outcome
