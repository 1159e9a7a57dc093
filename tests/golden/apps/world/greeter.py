"""Functions of the world itself; one has a Python keyword for a name."""

from __future__ import annotations

from durable_dsl import Err, atomic, commit


def greet(name: str, times: int) -> str:
    return " ".join([f"hello {name}"] * times)


@commit
@atomic
def shout(name: str) -> str:
    if not name:
        raise Err(0)
    return name.upper()


def import_(data: bytes) -> bool:
    return bool(data)
