"""Runs little programs of regions and effects, given as JSON: a list of steps, each a list that begins with a word.

    ["write", label]            a remote write
    ["read", label]             a remote read
    ["post", url, label]        an HTTP request
    ["flaky", label, k]         a remote write; what follows it fails the first k times
    ["atomic", steps]           and so `once` (non_idempotent), `often` (idempotent), `nothing` (persist-nothing)
    ["retry", m, steps]         with max_attempts=m
    ["try", steps]              a failure inside is caught
    ["again", label, k, steps]  the steps, then a remote write; after its first k times back to before the steps
    ["commit"]                  the oplog on disk
    ["refuse", text]            the domain error
    ["saga", again, steps]      a transaction, and with `again` one that repeats, as a block with "block"
    ["step", label, how]        an operation: a remote write, undone by one of `undo-` and the label. `how`: "" or
                                "no" (it fails before the write), "stuck" (its undo does), "flaky" (it fails after
                                the first write), "region" (it and its undo are atomic), "once" (sent at most once)
    ["settle", steps]           TransactionFailed is caught, and what is left to undo is told

The result lists what the steps were answered, but for those in a persist-nothing zone, which may differ each time.
"""

from __future__ import annotations

import json

from wit_world.imports import recorder

from durable_dsl import (
    Err,
    TransactionFailed,
    atomic,
    http,
    idempotent,
    non_idempotent,
    operation,
    oplog_commit,
    oplog_index,
    persist,
    retry,
    rewind,
    transaction,
)


class Flaky(Exception):
    """The world outside has said no."""


def run(program: str) -> str:
    """Run all steps."""
    seen: list[str] = []
    steps(json.loads(program), seen)
    return " ".join(seen)


def steps(program: list, seen: list[str]) -> None:
    for word, *arguments in program:
        WORDS[word](seen, *arguments)


def write(seen, label):
    seen.append(f"{label}{recorder.write(label)}")


def read(seen, label):
    seen.append(f"{label}{recorder.read(label)}")


def post(seen, url, label):
    seen.append(f"{label}{http.post(f'{url}/{label}').raise_for_status().text}")


def flaky(seen, label, times):
    count = recorder.write(label)
    seen.append(f"{label}{count}")
    if count <= times:
        raise Flaky(label)


def in_atomic(seen, body):
    with atomic:
        steps(body, seen)


def in_once(seen, body):
    with non_idempotent:
        steps(body, seen)


def in_often(seen, body):
    with idempotent:
        steps(body, seen)


def in_nothing(_seen, body):
    with persist("persist-nothing"):
        steps(body, [])


def in_retry(seen, attempts, body):
    with retry(max_attempts=attempts):
        steps(body, seen)


def in_try(seen, body):
    try:
        steps(body, seen)
    except Flaky as failure:
        seen.append(f"caught-{failure}")


def again(seen, label, times, body):
    marker = oplog_index()
    steps(body, seen)
    count = recorder.write(label)
    if count <= times:
        rewind(marker)
    seen.append(f"{label}{count}")


def commit(_seen):
    oplog_commit()


def refuse(_seen, text):
    raise Err(text)


def undo_step(_count, label, how):
    if how == "stuck":
        raise Flaky(label)
    recorder.write(f"undo-{label}")


@operation(compensate=undo_step)
def step(label, how):
    if how == "no":
        raise Flaky(label)
    count = recorder.write(label)
    if how == "flaky" and count == 1:
        raise Flaky(label)
    return count


@operation(compensate=atomic(lambda count, label: undo_step(count, label, "")))
@atomic
def region_step(label):
    return step.__wrapped__(label, "")


def run_step(seen, label, how):
    if how == "region":
        region_step(label)
    elif how == "once":
        with non_idempotent:
            step(label, how)
    else:
        step(label, how)
    seen.append(label)


def saga(seen, again, body):
    def inner():
        done = []
        steps(body, done)
        seen.extend(done)

    if again == "block":
        with transaction(retry=True):
            inner()
    else:
        transaction(retry=again)(inner)()


def settle(seen, body):
    try:
        steps(body, seen)
    except TransactionFailed as failed:
        seen.append("left:" + ",".join(each.arguments[0] for each in failed.not_undone))


WORDS = {
    "saga": saga,
    "step": run_step,
    "settle": settle,
    "write": write,
    "read": read,
    "post": post,
    "flaky": flaky,
    "atomic": in_atomic,
    "once": in_once,
    "often": in_often,
    "nothing": in_nothing,
    "retry": in_retry,
    "try": in_try,
    "again": again,
    "commit": commit,
    "refuse": refuse,
}
