"""Calling a worker that another process holds.

It is asked for: whoever holds an idle one lets it go at once, and whoever runs something in it has that on disk. Where
the invocation that is wanted runs or waits over there already, its outcome is waited for, however long that takes, and
if that process dies the invocation is continued here. Everything else is refused: two processes never run one worker
at the same time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from durable_dsl.engine.directory.lease import Lease
from durable_dsl.engine.errors import LeaseError
from durable_dsl.engine.worker.control import ask, is_open, request_release, withdraw

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.invocations.invocation import Invocation
    from durable_dsl.engine.worker.accepting import Accepting
    from durable_dsl.engine.worker.turns import Turns

T = TypeVar("T")
_TRIES_AGAIN = 0.05
_ASKS_AGAIN = 0.25
#: How long somebody who does nothing with a worker is given to let it go, in seconds.
_PATIENCE = 1.0
#: How long the process that holds a worker is given to do something that waits for nothing.
_LONG_PATIENCE = 10.0


def begun_or_joined(worker: Accepting, key: str | None, begin: Callable[[], Invocation]) -> Invocation:
    """What `begin()` gives, which raises LeaseError while another process holds the worker."""
    refused_from: float | None = None
    asks_again = 0.0
    while True:
        try:
            return begin()
        except LeaseError:
            now = time.monotonic()
            if refused_from is None:
                refused_from = now + _PATIENCE
            joined = key is not None and worker.accepted(key)
            if now >= refused_from and not joined:
                raise
            if now >= asks_again and not joined:
                asks_again = now + _ASKS_AGAIN
                request_release(worker.engine, worker.id)
        time.sleep(_TRIES_AGAIN)


def carried_out(worker: Turns, action: Callable[[], T], asked_for: str, outcome: Callable[[], T]) -> T:
    """What `action()` gives, or `outcome()` once the process that holds the worker has done what it is `asked_for`."""
    deadline = time.monotonic() + _LONG_PATIENCE
    while True:
        try:
            return action()
        except LeaseError:
            if time.monotonic() >= deadline:
                raise
            asked = ask(worker.engine, worker.id, asked_for)
        try:
            while is_open(worker.engine, asked):
                if not Lease.is_held(worker.engine.leases, worker.id):  # it is gone, or has let go
                    break
                if time.monotonic() >= deadline:
                    break
                time.sleep(_TRIES_AGAIN)
            else:
                return outcome()
        finally:
            withdraw(worker.engine, asked)
