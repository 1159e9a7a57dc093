"""Keeping what the oplog of a worker amounts to, by the process that runs it.

A step must not pay for it: it is written every so many entries, at the end of an invocation where that has been a
while, each with a commit that is made anyway, and when the worker is let go. Whoever reads meanwhile finds one that is
a little behind.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from durable_dsl.engine.errors import StoreError
from durable_dsl.engine.oplog.checksums import MANY
from durable_dsl.engine.oplog.summary import UNKNOWN, Fold
from durable_dsl.engine.standing.form import decoded, encoded, write

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.oplog.log import Effect
    from durable_dsl.engine.oplog.store import Store, Written
    from durable_dsl.engine.oplog.summary import Summary, Told

#: After so many entries; after fewer where an invocation ends.
_EVERY, _AT_END = 512, 128
#: One that is long (many deleted regions) is written ever more seldom: so many entries for each of its characters.
_PER_CHARACTER = 1 / 64
_ENDS = frozenset({"exported-function-completed", "suspend", "exited", "interrupted", "error"})


class Keeper:
    """Takes in what is written, folds it when that is to be kept. What it cannot fold, it leaves to the next reload."""

    def __init__(self, store: Store, worker: int) -> None:
        self._store = store
        self._worker = worker
        self._folded: str | None = None  # what the entries before those that wait amount to
        self._kept = -1  # up to where that is on disk
        self._last = 0
        self._waiting: list[Told] = []
        self._next: tuple[list[Written], str, int] | None = None

    def begin(self, summary: Summary) -> None:
        """The log amounts to this now, all of it."""
        self._folded = encoded(summary)
        self._last = summary.last
        self._waiting = []

    def keeps(self, rows: list[Written]) -> Effect[None] | None:
        """For the commit of `rows`; see `log.Keeper`."""
        self._next = None
        if self._folded is None or not rows:
            return None
        count = len(self._waiting) + len(rows)
        if count < _EVERY and not (count >= _AT_END and rows[-1][3] in _ENDS):
            return None
        if count < len(self._folded) * _PER_CHARACTER:
            return None
        return self._fold([*self._waiting, *map(_told, rows)], rows)

    def written(self, rows: list[Written]) -> None:
        if not rows:
            return
        self._last = rows[-1][1]
        if self._next is not None and self._next[0] is rows:
            _, self._folded, self._kept = self._next
            self._waiting = []
        elif self._folded is not None:
            self._waiting += map(_told, rows)
        self._next = None

    def finish(self) -> None:
        """The worker is let go: keep what is not kept yet, as far as that can be done."""
        if self._folded is None or self._kept == self._last:
            return
        effect = self._fold(self._waiting, [])
        if effect is not None:
            with suppress(StoreError):  # closed, or a full disk: readers fold what is missing
                self._store.transaction(effect)
                self._kept = self._last

    def _fold(self, told: list[Told], rows: list[Written]) -> Effect[None] | None:
        """Have what is told kept; nothing where that cannot be folded here."""
        assert self._folded is not None
        if any(one[1] == "revert" or (one[4] or "")[:1] == "@" for one in told):
            self._folded, self._waiting = None, []
            return None
        fold = Fold(decoded(self._folded))
        fold.add(told)
        summary = fold.summary()
        if summary.last_progress == UNKNOWN:  # until there is progress again
            return None
        folded = encoded(summary)
        self._next = rows, folded, summary.last

        def effect(connection: sqlite3.Connection) -> None:
            write(connection, self._worker, summary, folded)

        return effect


def _told(row: Written) -> Told:
    return row[1], row[3], row[4], row[9], None if row[3] in MANY else row[10]
