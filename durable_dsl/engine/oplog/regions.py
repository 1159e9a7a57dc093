"""Deleted regions: disjoint ranges of oplog indices, both ends included, that replay steps over."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Regions:
    """A set of indices kept as sorted ranges; overlapping and adjacent ones are merged."""

    __slots__ = ("_ends", "_starts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(ranges):
            if self._ends and start <= self._ends[-1] + 1:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._starts, self._ends, strict=True))

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __contains__(self, index: object) -> bool:
        assert isinstance(index, int)
        at = bisect_right(self._starts, index) - 1
        return at >= 0 and index <= self._ends[at]

    def end_after(self, index: int) -> int:
        """The end of the range that starts right after `index`, or `index` where none does."""
        at = bisect_right(self._starts, index + 1) - 1
        return max(index, self._ends[at]) if at >= 0 and self._starts[at] <= index + 1 else index

    def adding(self, ranges: Iterable[tuple[int, int]]) -> Regions:
        return Regions([*self, *ranges])
