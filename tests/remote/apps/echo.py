"""The component that is called."""

from __future__ import annotations

import time

from shapes import Closed, Gone, Refused, Values

from durable_dsl import export
from durable_dsl.types import u32  # noqa: TC001 - the build evaluates the hints


@export
def values(given: Values) -> Values:
    return given


@export
def swapped(left: int, right: str) -> tuple[str, int]:
    return right, left


@export(raises=Refused)
def refuse(why: str) -> u32:
    if why:
        raise Refused(why, None)
    return 7


@export(raises=(Refused, Closed))
def close(why: str) -> None:
    if why == "closed":
        raise Closed("for today")
    if why:
        raise Refused(why, None)


@export(raises=Closed)
def closed() -> None:
    raise Closed("for today")


@export(raises=Gone)
def gone() -> int:
    raise Gone


@export
def fail(why: str) -> None:
    raise ValueError(why)


@export("seconds")
def wait(seconds: float) -> float:
    time.sleep(seconds)
    return seconds
