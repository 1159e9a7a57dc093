"""Replay: the recorded, non-hint entries of a worker in order, and what ends the reading of them.

The cursor reads in chunks, leaves out hints and deleted regions, and decodes the responses of a chunk at once, so that
an entry costs little when the guest asks for it. It is live as soon as nothing but hints is left, because trailing
errors and output must not keep a worker in replay. The output that stands after the last replayed entry is kept: the
guest is going to write it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.oplog import text
from durable_dsl.engine.oplog.entries import HINTS, ImportedFunctionInvoked
from durable_dsl.engine.signals import Divergence

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.oplog.regions import Regions
    from durable_dsl.engine.oplog.store import Store

_CHUNK = 1024
_IMPORTED = ImportedFunctionInvoked.kind
_BULK = 2_000_000  # decode a chunk at once only where that cannot take much memory

_EXPECTED = f"AND idx > ? AND idx <= ? AND kind NOT IN ({', '.join(repr(hint) for hint in sorted(HINTS))})"

ReplayRow = tuple[int, int, str, str | None, str | None, str | None, str | None, int | None, str | None, str | None]


class Cursor:
    """Hands out what replay expects next; `live` once there is nothing more."""

    def __init__(self, store: Store, worker: int, target: int, regions: Regions) -> None:
        self.target = target
        self.regions = regions
        self.index = 1  # the last entry consumed; entry 1, the creation, is nobody's action
        self.live = False
        #: (level, context, message) of the output after the last replayed entry, in order.
        self.trailing_output: list[tuple[str, str, str]] = []
        #: Called once, at the moment of going live.
        self.on_live: Callable[[], None] = lambda: None
        #: After a persist-nothing zone was performed again, arguments and results may differ: told here, not a stop.
        self.tolerate: Callable[[str], None] | None = None
        self._store = store
        self._worker = worker
        #: What is before it is not even read: a snapshot stands for it.
        self._start = self._read_to = regions.end_after(1)
        self._rows: list[ReplayRow] = []
        self._values: list[Any] = []
        self._at = 0
        self._ends: set[int] | None = None
        self._fill()

    def imported(self, name: str, request: str | None, formerly: Callable[[], str] | None = None) -> Any:
        """Consume the record of a call of `name` with these arguments and return its decoded response.

        `formerly()` is how earlier versions wrote the arguments.
        """
        at = self._at
        row = self._rows[at]
        if row[2] != _IMPORTED or row[3] != name or row[5] != request:
            self._check_call(row, name, request, formerly)
        value = self._values[at] if self._values else text.decode(row[6] or "null")
        self.index = row[0]
        self._at = at = at + 1
        if at == len(self._rows):
            self._fill()
        return value

    def take(self, kind: str, compare: Callable[[ReplayRow], None] | None = None) -> ReplayRow:
        """Consume the next entry, which must be of this kind.

        `compare` raises where it does not fit otherwise: before anything is consumed, so before going live.
        """
        row = self._rows[self._at]
        if row[2] != kind:
            raise Divergence(row[0], describe(row), kind)
        if compare is not None:
            compare(row)
        self.index = row[0]
        self._at += 1
        if self._at == len(self._rows):
            self._fill()
        return row

    def peek(self) -> ReplayRow | None:
        """The next entry, without consuming it."""
        return None if self.live else self._rows[self._at]

    @staticmethod
    def detail(row: ReplayRow) -> dict[str, Any]:
        """The members of an entry that have no column."""
        members: dict[str, Any] = text.decode(row[9] or "{}")
        return members

    @property
    def position(self) -> int:
        """The last index consumed, or the end of the deleted region that follows it."""
        return self.regions.end_after(self.index)

    def go_live(self) -> None:
        """Leave what is left unread: it was deleted, or an attempt of it failed."""
        self._rows, self._values, self._at = [], [], 0
        self.trailing_output = []
        self._become_live()

    def ended(self, begin: int) -> bool:
        """Whether an end entry for `begin` stands anywhere in the rest of the log, outside deleted regions."""
        if self._ends is None:
            ends = "AND idx > ? AND idx <= ? AND kind IN ('end-atomic-region', 'end-remote-write')"
            found = self._store.rows(self._worker, ends, (self._start, self.target), without=self.regions)
            self._ends = {row[7] for row in found if row[7] is not None}
        return begin in self._ends

    def following(self, condition: str) -> list[ReplayRow]:
        """All entries after the one consumed last that meet an SQL condition, outside deleted regions."""
        between = f"AND idx > ? AND idx <= ? AND {condition}"
        after = max(self.index, self._start)
        return self._store.rows(self._worker, between, (after, self.target), without=self.regions)

    def progressed(self, after: int) -> bool:
        """Whether the entries after this one, up to the one consumed last, hold more than local reads and output."""
        local = "kind IN ('log', 'error') OR (kind = 'imported-function-invoked' AND type = 'read-local')"
        more = f"AND idx > ? AND idx <= ? AND NOT ({local})"
        return bool(self._store.rows(self._worker, more, (max(after, self._start), self.index), without=self.regions))

    def differs(self, index: int, recorded: str, attempted: str, *, alike: bool) -> None:
        """A divergence; a warning where it is one of values alone (`alike`) and a zone was performed again."""
        divergence = Divergence(index, recorded, attempted)
        if not alike or self.tolerate is None:
            raise divergence
        self.tolerate(str(divergence))

    @property
    def strict(self) -> bool:
        """Whether the guest must do as it did: there is something left, and no zone was performed again."""
        return not self.live and self.tolerate is None

    def instead(self, attempted: str) -> str:
        """The message of a divergence where the guest did not come as far as what is next."""
        row = self._rows[self._at]
        return str(Divergence(row[0], describe(row), attempted))

    def _check_call(self, row: ReplayRow, name: str, request: str | None, formerly: Callable[[], str] | None) -> None:
        if row[2] == _IMPORTED and row[3] == name and formerly is not None and row[5] == formerly():
            return
        attempted = f"{name} {request or ''}".strip()
        self.differs(row[0], describe(row), attempted, alike=row[2] == _IMPORTED and row[3] == name)

    def _fill(self) -> None:
        """Read on until there is an entry to replay; live where there is none."""
        rows: list[ReplayRow] = []
        while not rows and self._read_to < self.target:
            upto = min(self._read_to + _CHUNK, self.target)
            rows = self._store.rows(self._worker, _EXPECTED, (self._read_to, upto), without=self.regions)
            self._read_to = upto
        self._rows, self._at = rows, 0
        self._values = _decoded(rows)
        if not rows:
            if not self.live:
                self.trailing_output = self._output_after(self.index)
            self._become_live()

    def _output_after(self, index: int) -> list[tuple[str, str, str]]:
        found = self._store.rows(
            self._worker,
            "AND idx > ? AND idx <= ? AND kind = 'log'",
            (max(index, self._start), self.target),
            without=self.regions,
        )
        details = [text.decode(row[9]) for row in found]
        return [(members["level"], members["context"], members["message"]) for members in details]

    def _become_live(self) -> None:
        if not self.live:
            self.live = True
            self.on_live()


def _decoded(rows: list[ReplayRow]) -> list[Any]:
    """The responses of all rows, decoded in one go; empty where each is to be decoded when its turn comes."""
    responses = [row[6] or "null" for row in rows]
    if not rows or sum(map(len, responses)) > _BULK:
        return []
    values: list[Any] = text.decode(f"[{','.join(responses)}]")
    return values


def describe(row: ReplayRow) -> str:
    """A recorded entry as people read it."""
    return " ".join(part for part in (row[3] or row[2], row[5] or "") if part)
