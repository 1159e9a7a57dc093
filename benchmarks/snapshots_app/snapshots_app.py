"""A worker with a state, and an endless call."""

from __future__ import annotations

import time

from durable_dsl import export, load_snapshot, save_snapshot
from durable_dsl.remote import continue_as_new

TOTALS: dict[str, int] = {}


@export
def count(name: str, calls: int) -> int:
    """So many recorded calls."""
    for _ in range(calls):
        time.monotonic_ns()
    TOTALS[name] = TOTALS.get(name, 0) + calls
    return TOTALS[name]


@export
def watch(rounds: int) -> None:
    """An hour a round."""
    time.sleep(3600)
    if rounds > 1:
        continue_as_new(watch, rounds - 1)


@save_snapshot
def save() -> dict[str, int]:
    return TOTALS


@load_snapshot
def load(totals: dict[str, int]) -> None:
    TOTALS.update(totals)
