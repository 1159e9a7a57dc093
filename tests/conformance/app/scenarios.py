"""What the conformance suite runs in plain Python and in components: regions in all places, left in all ways."""

from __future__ import annotations

import asyncio
import functools

import sagas

from durable_dsl import (
    Err,
    atomic,
    commit,
    export,
    idempotency_key,
    idempotent,
    is_idempotent,
    non_idempotent,
    oplog_commit,
    oplog_index,
    persist,
    persistence_level,
    retry,
    retry_policy,
    rewind,
)

__all__ = ["sagas"]


def leave(outcome: str) -> int:
    """Leave the caller in the way that `outcome` names."""
    if outcome == "err":
        raise Err("refused")
    if outcome == "key":
        raise KeyError("missing")
    if outcome == "fail":
        raise ValueError("broken")
    return 7


@export("fallible")
@atomic
def one_mark(outcome: str) -> int:
    return leave(outcome)


@export("fallible")
@commit(replicas=2)
@retry(max_attempts=5, min_delay="1s")
@persist("persist-remote-side-effects")
@atomic
@non_idempotent
def every_mark(outcome: str) -> int:
    return leave(outcome)


def blocks(outcome: str) -> int:
    with commit, persist(level="persist-nothing"), idempotent:
        with atomic():
            pass
        with retry(multiplier=2):
            return leave(outcome)


@atomic
def marked_helper(outcome: str) -> int:
    return leave(outcome)


@non_idempotent
def inner(outcome: str) -> int:
    return marked_helper(outcome)


def caught(outcome: str) -> int:
    try:
        with persist("persist-nothing"):
            marked_helper(outcome)
    except Exception:  # noqa: BLE001  (this is what the scenario is about)
        pass
    return 7


def pending(outcome: str) -> int:
    try:
        with retry(max_attempts=9):
            leave("key")
    except KeyError:
        pass
    return leave(outcome)


@export("fallible")
@atomic
def pending_in_region(outcome: str) -> int:
    try:
        with retry(max_attempts=9):
            leave(outcome)
    except ValueError as error:
        raise RuntimeError("raised from it") from error
    return 7


@persist("smart")
@atomic(commit_on=KeyError)
def on_key_error(outcome: str) -> int:
    return leave(outcome)


@atomic(commit_on=())
def on_nothing(outcome: str) -> int:
    return leave(outcome)


def foreign(function):
    @functools.wraps(function)
    def called(*arguments):
        return function(*arguments)

    return called


@atomic
@foreign
@idempotent
def below_foreign(outcome: str) -> int:
    return leave(outcome)


@retry(max_attempts=2)
async def waits(outcome: str) -> int:
    async def step():
        await asyncio.sleep(0)
        with atomic:
            pass

    await asyncio.gather(step(), step())
    await asyncio.sleep(0.001)
    return leave(outcome)


async def interleaves(outcome: str) -> int:
    async def step():
        with idempotent:
            await asyncio.sleep(0)

    await asyncio.gather(step(), step())
    return leave(outcome)


async def threads(outcome: str) -> int:
    try:
        return await asyncio.to_thread(len, outcome)
    except RuntimeError:
        return 7


def asks(outcome: str) -> int:
    assert persistence_level().value == "smart"
    assert is_idempotent()
    assert retry_policy().max_attempts == 3
    assert oplog_index() > 0
    assert idempotency_key().version in {4, 5}
    oplog_commit(3)
    return leave(outcome)


def rewinds(outcome: str) -> int:
    with atomic:
        rewind(oplog_index())
    return leave(outcome)


@export("infallible#one-mark")
@atomic
def infallible_one_mark(outcome: str) -> int:
    return leave(outcome)


def block(outcome: str) -> int:
    with atomic:
        return leave(outcome)
