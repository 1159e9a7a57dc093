"""A worker that is one endless call."""

from __future__ import annotations

import time

from durable_dsl import export
from durable_dsl.remote import continue_as_new

SEEN: list[int] = []


@export
def watch(rounds: int, total: int) -> None:
    """Three looks a round; what is known is in the arguments."""
    for _ in range(3):
        time.sleep(3600)
        total += 1
        SEEN.append(total)
    print(f"{rounds} left, {total} in all, {len(SEEN)} seen", flush=True)
    if rounds > 1:
        continue_as_new(watch, rounds - 1, total=total)


@export
def seen() -> list[int]:
    return SEEN


@export
def misuse(how: str) -> str:
    try:
        continue_as_new({"result": seen, "inner": inner}[how])
    except TypeError as error:
        return str(error)
    return "no error"


def inner() -> None:
    """No export."""
