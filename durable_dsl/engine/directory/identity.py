"""Who a worker is in what it gives away: nothing that it was once known by is ever given to another one.

A promise is known by the name of the worker that made it and a number: the oplog index, plus all indices that earlier
workers of that name had used before they were deleted. Resources that the guest gives out are numbered from there too:
each takes an entry, so they never get as far as a later worker begins. Keys are derived from what no other worker has.
A forked worker's history is that of another one, up to the entry at which it was forked: there it is who that one was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.entries import Create

#: Up to which entry the history is that of a worker of that name, and how many indices were used before that one.
Origin: TypeAlias = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class Identity:
    """One worker's; it never changes."""

    name: str
    earlier: int
    #: What no other worker has; None for a worker that was made before there was such a thing.
    incarnation: str | None
    origins: tuple[Origin, ...]

    @classmethod
    def of(cls, name: str, created: Create) -> Identity:
        return cls(name, created.earlier or 0, created.incarnation, created.origins or ())

    def promise(self, index: int) -> tuple[str, int]:
        """By which name and number the promise is known that was made at `index`."""
        _, name, earlier = self._at(index)
        return name, earlier + index

    def name_at(self, index: int) -> str:
        """What the worker was called that wrote this entry."""
        return self._at(index)[1]

    @property
    def first_resource(self) -> int:
        """The number of the first resource that the guest gives out."""
        return self._at(1)[2]

    def forked_at(self, index: int) -> tuple[Origin, ...]:
        """The origins of a worker that has a copy of the entries up to `index`."""
        _, name, earlier = self._at(index)
        return (*(origin for origin in self.origins if origin[0] < index), (index, name, earlier))

    def _at(self, index: int) -> Origin:
        own = (index, self.name, self.earlier)
        return next((origin for origin in self.origins if index <= origin[0]), own)
