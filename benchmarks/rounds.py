"""Rounds in turns: the one way in which benchmarks here take time."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Alternating rounds of each pair.
ROUNDS = 9


def seconds(action: Callable[[], object]) -> float:
    """How long `action` takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def ratio(measured: Callable[[], float], against: Callable[[], float], rounds: int = ROUNDS) -> float:
    """The median over alternating rounds of one cost divided by the other; both in the same unit."""
    measured(), against()  # warm caches
    pairs = []
    for round_number in range(rounds):
        # Who goes first alternates too, so that a drift of the machine's speed favours neither.
        if round_number % 2:
            first = measured()
            pairs.append(first / against())
        else:
            second = against()
            pairs.append(measured() / second)
    return statistics.median(pairs)


def row(name: str, value: float, required: str) -> dict[str, object]:
    """A result row; `required` is a comparison such as "<= 1.25"."""
    relation, limit = required.split()
    ok = value <= float(limit) if relation == "<=" else value >= float(limit)
    return {"name": name, "ratio": value, "required": required, "ok": ok}
