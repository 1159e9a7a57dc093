"""What a worker can live through, one story for each export. The world outside is a server that notes what it gets."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time

from componentize_py_types import Err

from durable_dsl import (
    TransactionFailed,
    atomic,
    commit,
    export,
    http,
    idempotency_key,
    idempotent,
    non_idempotent,
    operation,
    oplog_commit,
    oplog_index,
    persist,
    persistence_level,
    retry,
    retry_policy,
    rewind,
    transaction,
)


def outside(path: str) -> str:
    return f"http://localhost:{os.environ['PORT']}/{path}"


def note(text: str) -> None:
    """An effect."""
    http.post(outside("note"), content=text)


def again(number: int) -> bool:
    """Whether the server wants that place to fail once more."""
    return http.get(outside(f"again/{number}")).json()


@export("told")
def jumps() -> int:
    state = 0
    print(f"begun: {state}")
    state += 1
    first = oplog_index()
    state += 1
    print(f"first: {state}")
    if again(state):
        rewind(first)
    state += 1
    print(f"on: {state}")
    second = oplog_index()
    state += 1
    print(f"second: {state}")
    if again(state):
        rewind(second)
    state += 1
    print(f"done: {state}")
    return state


@export("told")
def regions() -> None:
    with atomic:
        note("1")
        note("2")
        if again(1):
            raise RuntimeError("first region")
        note("3")
    note("4")
    with atomic:
        note("5")
        if again(2):
            raise RuntimeError("second region")
    note("6")


@export("told")
async def overtaken(safe: bool) -> None:
    """A request is under way while a region fails."""
    with idempotent() if safe else non_idempotent():
        request = asyncio.create_task(http.apost(outside("note"), content="1"))
        await asyncio.sleep(0)
        with atomic:
            if http.get(outside("again/1")).json():
                raise RuntimeError("overtaken")
        response = await request
        print("answer", response.status, response.text)


@export("told")
def left_open(safe: bool) -> None:
    """The head of a response has come when a region fails, its body is not yet read."""
    with idempotent() if safe else non_idempotent():
        with http.stream("POST", outside("note"), content="1") as response:
            with atomic:
                if again(1):
                    raise RuntimeError("left open")
            print("answer", response.status, b"".join(response))


@export("told")
def unrecorded() -> None:
    print("level", persistence_level())
    note("1")
    with persist("persist-nothing"):
        note("2")
        print("level", persistence_level())
    note("3")
    with atomic:
        if again(1):
            raise RuntimeError("after the zone")
    note("4")


@export("told")
def commits(replicas: int) -> None:
    print("before", replicas)
    oplog_commit(replicas)
    print("behind")


@export("told")
def fails_often(max_attempts: int) -> None:
    print("before", retry_policy())
    with retry(max_attempts=max_attempts, min_delay="1s", max_delay="1s", multiplier=1.0):
        print("inside", retry_policy())
        raise RuntimeError("every time")


@export("told")
@retry(max_attempts=5, min_delay="300ms", max_delay="300ms", multiplier=1.0)
def fails_after_effect() -> None:
    note("1")
    raise RuntimeError("after an effect")


@export("told")
@retry(max_attempts=2, min_delay="200ms", max_delay="200ms", multiplier=1.0)
@atomic
def fails_in_region() -> None:
    note("1")
    raise RuntimeError("in a region")


@export("told")
def fails(text: str) -> str:
    def look_up(known: dict[str, str]) -> str:
        return known[text]

    print("soon")
    print("to stderr", file=sys.stderr)
    return look_up({})


@export("told")
def caught_outside() -> str:
    try:
        with atomic:
            note("s")
            if again(1):
                raise RuntimeError("inside")
    except RuntimeError:
        return "caught"
    return "passed"


@export("told")
def keys() -> list[str]:
    return [str(idempotency_key()), str(idempotency_key())]


@export("told")
def keys_in_region() -> list[str]:
    with atomic:
        made = [str(idempotency_key()), str(idempotency_key())]
        for key in made:
            note(key)
        if again(1):
            raise RuntimeError("keys again")
    return made


@operation(compensate=lambda done, number: http.delete(outside(f"step/{number}")))
def step(number: int) -> bool:
    if http.get(outside(f"step/{number}")).json():
        raise RuntimeError(f"step {number} failed")
    return True


@retry(max_attempts=3, min_delay="50ms")
@transaction(retry=True)
def trip() -> str:
    step(1)
    step(2)
    step(3)
    return "arrived"


@export("told")
def trip_repeats() -> str:
    said = trip()
    step(4)
    return said


@export("told")
def trip_gives_up() -> str:
    try:
        with transaction:
            step(1)
            step(2)
            step(3)
        return "arrived"
    except TransactionFailed as failed:
        return f"failed: {failed.cause}"


@export("told")
def sleeps(milliseconds: int) -> str:
    return _sleep(milliseconds)


def _sleep(milliseconds: int) -> str:
    note("a")
    time.sleep(milliseconds / 1000)
    note("b")
    return "slept"


@export("told")
@atomic
def sleeps_in_region(milliseconds: int) -> str:
    return _sleep(milliseconds)


@export("told")
@commit
@atomic
def refuses(really: bool) -> str:
    note("d")
    if really:
        raise Err("refused")
    return "fine"


@export("told")
def surroundings() -> list[str]:
    clocks = [f"{time.time():.0f}", f"{time.monotonic():.0f}"]
    environment = [f"{name}={value}" for name, value in sorted(os.environ.items())]
    return [*clocks, f"{random.random()}", str(sys.argv), *environment]


@export("told")
async def overlap() -> str:
    """Two requests at the same time."""
    first, second = await asyncio.gather(*(http.apost(outside("slow"), content=text) for text in "AB"))
    return f"{first.text} {second.text}"


@export("told")
def leaves(code: int) -> None:
    print("leaving", code)
    sys.exit(code)
