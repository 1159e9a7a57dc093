"""The ways to leave a region: what ends it, what leaves it open, and a policy that is still to be restored."""

from __future__ import annotations

import problems

from durable_dsl import Err, atomic, idempotent, retry


def leave(how: str) -> int:
    if how == "err":
        raise Err("refused")
    if how == "timeout":
        raise TimeoutError(how)
    if how == "own":
        raise problems.Gone(how)
    if how == "fail":
        raise ValueError(how)
    return 7


@atomic(commit_on=())
def on_nothing(how: str) -> int:
    return leave(how)


@retry(max_attempts=1)
@atomic(commit_on=TimeoutError)
@idempotent
def on_timeout(how: str) -> int:
    return leave(how)


@atomic(commit_on=(problems.Gone, TimeoutError))
def on_own(how: str) -> int:
    return leave(how)


@atomic(commit_on=BaseException)
def on_all(how: str) -> int:
    return leave(how)


@atomic
def pending(how: str) -> int:
    try:
        with retry(max_attempts=9):
            leave("timeout")
    except TimeoutError:
        pass
    return leave(how)


def unmarked(how: str) -> int:
    return leave(how)
