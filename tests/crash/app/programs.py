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

The result lists what the steps were answered, but for those in a persist-nothing zone, which may differ each time.
"""

from __future__ import annotations

import json

from wit_world.imports import recorder

from durable_dsl import (
    Err,
    atomic,
    http,
    idempotent,
    non_idempotent,
    oplog_commit,
    oplog_index,
    persist,
    retry,
    rewind,
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


WORDS = {
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
