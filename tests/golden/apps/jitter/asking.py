"""What only the target golem-1.1 has."""

from __future__ import annotations

from durable_dsl import persist, retry


@retry(max_attempts=0, jitter=0.25)
@persist("persist-nothing")
def ask() -> int:
    return 1
