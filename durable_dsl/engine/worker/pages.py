"""The entries of a worker page by page: what is not looked at is not read, however long the oplog is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.engine.oplog.entries import Record
from durable_dsl.engine.standing import reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_dsl.engine.worker.handle import Worker

#: The bounds of what may stand as an index in a damaged file: SQLite sorts all numbers and texts between them.
_BEFORE_ALL, _AFTER_ALL = -(1 << 63), b"\xff"


def forward(worker: Worker, first: int, size: int) -> Iterator[list[Record]]:
    """From entry `first` on, in order, so many at a time; then what is still in the memory buffer."""
    buffered = worker.uncommitted()  # what leaves it meanwhile is found on disk
    marked = _Marks(worker)
    after: object = first - 1 if first > 1 else _BEFORE_ALL
    last = first - 1
    while page := worker.engine.store.page(worker.id, after, size):
        after = page[-1][0]
        records = [record for _, record in page]
        last = max(last, records[-1].index)
        yield marked(records)
    rest = [one for one in buffered if one.index > last]
    if rest:
        yield marked(rest)


def backward(worker: Worker, size: int) -> Iterator[list[Record]]:
    """From the last entry back; each page in order."""
    buffered = worker.uncommitted()
    marked = _Marks(worker)
    before: object = _AFTER_ALL
    page = worker.engine.store.page(worker.id, before, size, backwards=True)
    rest = [one for one in buffered if not page or one.index > page[-1][1].index]
    if rest:
        yield marked(rest)
    while page:
        before = page[0][0]
        yield marked([record for _, record in page])
        page = worker.engine.store.page(worker.id, before, size, backwards=True)


class _Marks:
    """Marks what was deleted from the history, as it is now."""

    def __init__(self, worker: Worker) -> None:
        self._deleted = reading.deleted_from(worker.engine.store, worker.id)

    def __call__(self, records: list[Record]) -> list[Record]:
        if not self._deleted:
            return records
        return [Record(one.index, one.time, one.entry, one.index in self._deleted) for one in records]
