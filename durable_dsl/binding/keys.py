"""Idempotency keys that are made: the same for a request on each attempt, another one for every other request.

A key is derived, by UUID version 5, from a base and from what the request is: its method, its URL, its body, and how
many requests equal to it the invocation has made before. The base is a key that the host gives, once per invocation
and only if it is needed. Inside an atomic region the host would give another one on each repeat, and inside a
persist-nothing zone on each recovery, so a component whose app asks for keys takes it before the first region opens
(the build sets `call.takes_key`). Tasks that overtake each other on a repeat still get their own keys.

An attempt of a transaction that is made after an earlier one was undone is no repeat: it has to be told apart, or a
server would answer it with what was undone. `attempt` is mixed into its keys.
"""

from __future__ import annotations

import hashlib
import uuid

from durable_dsl.binding import current
from durable_dsl.binding.http.overlaps import settle
from durable_dsl.binding.state import call

__all__ = ["begin_keys", "key_of", "take_key"]


def begin_keys(*, take: bool = False) -> None:
    """A new invocation begins; with `take`, its base is needed before its regions open."""
    call.key = None
    call.drawn.clear()
    call.attempt = 0
    call.takes_key = True
    if take:
        take_key()


def take_key() -> uuid.UUID:
    """The base of this invocation's keys."""
    if call.key is None:
        if call.exchanges:
            settle()
        given = current.generate_idempotency_key()
        call.key = uuid.UUID(int=given.high_bits << 64 | given.low_bits)
        call.takes_key = False
    return call.key


def key_of(method: str, url: str, body: bytes) -> uuid.UUID:
    """The key of the next request like this one."""
    base = take_key()
    content = f"{method} {url} {hashlib.sha256(body).hexdigest()}"
    number = call.drawn[content] = call.drawn.get(content, 0) + 1
    return uuid.uuid5(base, f"{content} {number} {call.attempt}")
