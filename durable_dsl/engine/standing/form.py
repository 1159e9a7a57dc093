"""The row of `standing`: a summary as JSON, what version of the fold made it, and the entry that it goes up to.

It is a cache. A row counts where it matches its checksum, was made by this version's fold, and the entry up to which it
goes is there with the checksum that it had: so it is none of a history that was shortened or replaced.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.oplog import checksums, tables
from durable_dsl.engine.oplog.regions import Regions
from durable_dsl.engine.oplog.summary import Summary, Underway, Update

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

#: To be raised whenever entries amount to something else than before, or the JSON has another form.
FOLDER = 3
_PLAIN = (
    "status", "version", "last", "last_action", "last_progress", "error", "suspended_at", "suspended_until", "awaited",
    "snapshot",
)  # fmt: skip
_decode = json.JSONDecoder().decode
_MADE: dict[str, Callable[[Any], Any]] = {
    "reverted": lambda regions: Regions(map(tuple, regions)),
    "deleted": lambda regions: Regions(map(tuple, regions)),
    "underway": lambda one: Underway(*one),
    "failures": dict,
    "updates": lambda updates: [Update(*one) for one in updates],
}
_NOTHING = {"reverted": Regions(), "deleted": Regions()}  # made once: one is never changed
_CRC = "SELECT crc FROM entry WHERE worker = ? AND idx = ?"
_FURTHER = (
    "SELECT 1 FROM standing JOIN entry ON entry.worker = standing.worker AND entry.idx = standing.idx"
    " WHERE standing.worker = ? AND standing.idx > ? AND entry.crc = standing.entry"
)


def encoded(summary: Summary) -> str:
    """Only what is not as in a summary of nothing."""
    said: dict[str, Any] = {name: value for name in _PLAIN if (value := getattr(summary, name)) is not None}
    for name in ("reverted", "deleted"):
        if regions := getattr(summary, name):
            said[name] = [list(region) for region in regions]
    if summary.underway is not None:
        said["underway"] = [summary.underway.index, summary.underway.function, summary.underway.key]
    if summary.failures:
        said["failures"] = [list(pair) for pair in summary.failures.items()]
    if summary.updates:
        said["updates"] = [
            [one.index, one.version, one.mode, one.status, one.details, one.repairs] for one in summary.updates
        ]
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def decoded(text: str) -> Summary:
    """Raises ValueError, KeyError, TypeError for what `encoded` has not made."""
    said = _decode(text)
    for name, made in _MADE.items():
        if name in said:
            said[name] = made(said[name])
    return Summary(**{**_NOTHING, **said})


def read(worker: int, index: Any, entry: Any, folder: Any, folded: Any, crc: Any, found: Any) -> Summary | None:
    """The summary of a row, where it counts; `found` is the checksum that the entry has now."""
    if (
        folder != FOLDER
        or entry != found
        or checksums.of_row("standing", (worker, index, entry, folder, folded)) != crc
    ):
        return None
    try:
        return decoded(folded)
    except (ValueError, KeyError, TypeError):  # of a version that has forgotten to raise its number
        return None


def write(connection: sqlite3.Connection, worker: int, summary: Summary, folded: str) -> None:
    """Keep it, in a transaction that is open; not where another one goes further, or the worker is gone."""
    found = connection.execute(_CRC, (worker, summary.last)).fetchone()
    if found is None or connection.execute(_FURTHER, (worker, summary.last)).fetchone() is not None:
        return
    row = {"worker": worker, "idx": summary.last, "entry": found[0], "folder": FOLDER, "folded": folded}
    tables.insert(connection, "standing", conflict="REPLACE", **row)
