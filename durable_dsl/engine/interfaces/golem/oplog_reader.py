"""golem:api/oplog: reading the oplogs of workers, page by page.

Recorded is which entries a page had, not what they say: entries never change, and replay reads them again.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.golem.ids import known_worker, permit
from durable_dsl.engine.interfaces.golem.oplog_entries import EntryForm
from durable_dsl.engine.interfaces.golem.oplog_query import QueryFault, parse
from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.oplog.view import as_json
from durable_dsl.engine.replay.durability import READ_REMOTE, durable
from durable_dsl.engine.signals import Failure, Fatal

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.replay.durability import Implementation
    from durable_dsl.engine.replay.host import Host
    from durable_dsl.engine.worker.handle import Worker

oplog = Interface("golem:api/oplog")
INTERFACES = (oplog,)

_PAGE = 100
_INVOKED = "exported-function-invoked"


class Reader:
    """The resources `get-oplog` and `search-oplog`: a worker, and the entry to go on with."""

    def __init__(self, worker: dict[str, Any], start: int, query: str | None = None) -> None:
        self.resource_kind = "get-oplog" if query is None else "search-oplog"
        self.worker = worker
        self.next = start
        self.query = query
        self.matches = None if query is None else parse(query)
        #: Where it ends: the last entry when reading began, or who reads its own oplog would never come there.
        self.end: int | None = None


@oplog.plain("[constructor]get-oplog")
def new_get_oplog(_host: Host, worker: dict[str, Any], start: int) -> Reader:
    return Reader(worker, max(start, 1))


@oplog.plain("[constructor]search-oplog")
def new_search_oplog(_host: Host, worker: dict[str, Any], wanted: str) -> Reader:
    """What the query may be: `oplog_query`."""
    try:
        return Reader(worker, 1, wanted)
    except QueryFault as fault:
        raise Fatal(str(fault), "BadQuery") from fault


def _permit(host: Host, reader: Reader) -> None:
    permit(host, reader.worker, "reading the oplog of")


def _worker(host: Host, reader: Reader) -> Worker:
    worker: Worker = host.worker.engine.reach(known_worker(host, reader.worker).name)
    return worker


def _next_page(host: Host, reader: Reader) -> list[int]:
    """The indices of the next page; none at the end."""
    worker = _worker(host, reader)
    if worker.id == host.worker.id:
        host.log.commit()
    if reader.end is None:
        reader.end = host.log.store.last_index(worker.id)
    records = host.log.store.records(worker.id, "AND idx BETWEEN ? AND ?", (reader.next, reader.end))
    found = (record.index for record in records if reader.matches is None or reader.matches(as_json(record)))
    return [index for index, _ in zip(found, range(_PAGE), strict=False)]


def _entries(host: Host, page: list[int], reader: Reader, *, traced: bool) -> list[tuple[int, dict[str, Any]]] | None:
    if not page:
        return None
    reader.next = page[-1] + 1
    worker = _worker(host, reader)
    form = EntryForm(worker, traced=traced)
    wanted = set(page)
    invoked = _invoked_before(worker, page[0])
    found = []
    for record in worker.engine.store.records(worker.id, "AND idx BETWEEN ? AND ?", (page[0], page[-1])):
        if record.kind == _INVOKED:
            invoked = getattr(record.entry, "function", None)
        if record.index in wanted:
            found.append((record.index, form.of(record, invoked)))
    if len(found) != len(page):
        raise Failure(f"entries of worker {worker.name!r} that were read here are gone", "OplogGone")
    return found


def _invoked_before(worker: Worker, index: int) -> str | None:
    last = "AND idx = (SELECT max(idx) FROM entry WHERE worker = ? AND idx < ? AND kind = ?)"
    rows = worker.engine.store.rows(worker.id, last, (worker.id, index, _INVOKED))
    return rows[0][3] if rows else None


def _only_entries(host: Host, page: list[int], reader: Reader, *, traced: bool) -> list[dict[str, Any]] | None:
    found = _entries(host, page, reader, traced=traced)
    return None if found is None else [entry for _, entry in found]


def _asked(reader: Reader) -> list[Any]:
    return [reader.worker["worker-name"], reader.next, *([] if reader.query is None else [reader.query])]


def _asked_formerly(reader: Reader) -> list[Any]:
    return [reader.worker["worker-name"], reader.next, *(reader.query or "").lower().split()]


def _declare(resource: str, finish: Callable[..., Any]) -> None:
    """The version does not tell which types there are: `1.1.5` was published with both. The declaration does."""

    def form(*, traced: bool) -> Implementation:
        return durable(
            _next_page,
            f"golem::api::{resource}::get-next",
            READ_REMOTE,
            request=_asked,
            formerly=_asked_formerly,
            permit=_permit,
            finish=partial(finish, traced=traced),
        )

    plain, traced = form(traced=False), form(traced=True)
    plain.__dict__["for_type"] = lambda kind: traced if "trace-id" in repr(kind) else plain
    oplog.functions[f"[method]{resource}.get-next"] = plain


_declare("get-oplog", _only_entries)
_declare("search-oplog", _entries)
