"""Names that the wrapper would like for itself: of the app, of functions, of parameters."""

from __future__ import annotations

from typing import Any

from durable_dsl import Err, atomic, non_idempotent, persist, retry


@atomic
def app(host: str, app: str, call: str, fail: str) -> int:
    return len(host + app + call + fail)


@retry(max_attempts=1, min_delay=1, max_delay=2, multiplier=3.0)
@persist("smart")
@atomic
@non_idempotent
def policy(policy: int, region: Any, result: int, error: int, level: int) -> int:
    if error:
        raise Err("error")
    return policy + int(region.level) + result + level


def class_(pass_: int, in_: int) -> int:
    return pass_ + in_


@atomic
def a_function_with_a_rather_long_name(
    the_first_of_many_parameters: str,
    the_second_of_many_parameters: list[tuple[str, int]] | None,
    the_third: int,
) -> list[Any]:
    return []


def nothing() -> None:
    raise Err(None)


def exports(durable_host: bytes, below_marks: str) -> float:
    return 0.5
