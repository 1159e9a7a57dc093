"""Committed steps, recorded reads and plain computing, for the engine's benchmarks."""

from __future__ import annotations

from wit_world.imports import host, wall_clock


def steps(count: int) -> int:
    for _ in range(count):
        host.generate_idempotency_key()
    return count


def clocks(count: int) -> int:
    for _ in range(count):
        wall_clock.now()
    return count


def compute(rounds: int) -> int:
    value = 1
    for number in range(rounds):
        value = (value * 31 + number) % 65521
    return value
