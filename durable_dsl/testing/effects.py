"""Effects: what the world outside counts. In whatever form a test has its counts, they become one `Counter`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_dsl.testing.server import EffectServer

#: Counts by label, or one label per effect, or a number of effects that are all alike.
Counts: TypeAlias = Mapping[str, int] | Iterable[str] | int
#: Reads what has been counted so far.
Effects: TypeAlias = Callable[[], Counts]


def counted(counts: Counts) -> Counter[str]:
    """As a `Counter`. Raises TypeError for anything else."""
    if isinstance(counts, int):
        return Counter({"effect": counts})
    if isinstance(counts, str):
        raise TypeError("effects() gave one text; it gives counts by label, or a list with one label per effect")
    return Counter(counts if isinstance(counts, Mapping) else [str(label) for label in counts])


@contextmanager
def effect_server() -> Iterator[EffectServer]:
    """A real HTTP server on loopback that counts what it is asked to do."""
    from durable_dsl.testing.server import EffectServer

    with EffectServer() as server:
        yield server
