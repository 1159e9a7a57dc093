"""Requests with bodies, state between invocations, and ways to fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import told

from durable_dsl import http, non_idempotent

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["told"]

kept = {"total": 0}

#: What the repaired build of this app has as False.
FAULTY = True


def sends(size: int, pieces: int) -> str:
    """A body of so many bytes: as a whole, or in so many pieces as they come."""
    body = bytes(size) if pieces == 1 else _pieces(size, pieces)
    return http.post(told.outside("size"), content=body).text


def _pieces(size: int, pieces: int) -> Iterator[bytes]:
    for at in range(pieces):
        yield bytes(size // pieces + (at < size % pieces))


def add(amount: int) -> int:
    told.note(f"add {amount}")
    kept["total"] += amount
    return kept["total"]


@non_idempotent
def once() -> str:
    """A request that must not be sent twice."""
    return http.post(told.outside("note"), content="once").text


@non_idempotent
def open_when_failing() -> str:
    """A request that must not be sent twice is under way when the export fails; nothing reads its response."""
    with http.stream("POST", told.outside("note"), content="once") as response:
        if told.again(1):
            raise RuntimeError("while a response is open")
        return b"".join(response).decode()


def broken() -> str:
    """An effect, then a mistake that a later build has not."""
    told.note("effect")
    if FAULTY:
        raise ValueError("a mistake in the program")
    return "repaired"
