"""Counters that survive anything: state in plain variables, methods with marks."""

from __future__ import annotations

from durable_dsl import atomic, commit, persist

values: dict[str, int] = {}


class Counter:
    """A named counter; two of one name share their value."""

    def __init__(self, name: str) -> None:
        self.name = name
        values.setdefault(name, 0)

    @commit
    @atomic
    def increment(self, by: int) -> int:
        """On disk before the caller hears of it."""
        values[self.name] += by
        return values[self.name]

    def value(self) -> int:
        """The value now."""
        return values[self.name]

    @classmethod
    def names(cls) -> list[str]:
        """All counters, in order of first use."""
        return list(values)


@persist("persist-nothing")
def total() -> int:
    """A question leaves nothing in the oplog."""
    return sum(values.values())
