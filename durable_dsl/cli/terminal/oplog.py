"""`durable-dsl worker oplog`: entries as JSON, or a line each for people.

A line is as wide as the terminal. Several reads of one kind in a row (a guest that starts draws random bytes and looks
at its environment) are one line with the range of their indices, unless entries were picked by a filter.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import shutil
import sys
import time
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from durable_dsl.cli.completion import completed, kinds
from durable_dsl.cli.data import index, known_worker
from durable_dsl.cli.terminal import console
from durable_dsl.printable import on_one_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.oplog.entries import Record
    from durable_dsl.engine.worker.handle import Worker

    Picks = Callable[[dict[str, Any]], bool]

Entry = dict[str, Any]

#: Columns where no terminal says how many there are.
_WIDTH = 120
_NARROWEST = 60
_LOOKS_AGAIN = 0.2
#: So many entries are read, and held, at a time.
_AT_ONCE = 1000
_FAR = 1 << 63
_COLUMNS = frozenset({"index", "time", "kind", "deleted"})
_BARE = frozenset({"function", "type"})
_READS = frozenset({"read-local", "read-remote"})
#: From so many alike on, a run of reads is one line.
_MANY = 3

_DIM, _RED, _BOLD, _PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[1m", "\x1b[0m"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", metavar="INDEX", type=index, default=1, help="the first entry shown")
    completed(
        parser.add_argument(
            "--kind", dest="kinds", metavar="KIND", action="append", default=[], help="only these; may be repeated"
        ),
        kinds,
    )
    parser.add_argument(
        "--since",
        metavar="TIME",
        type=moment,
        help="only entries since then: 2026-11-30T09:00, or 90s, 15m, 2h, 3d ago",
    )
    parser.add_argument("--grep", metavar="REGEX", type=pattern, help="only entries whose JSON form matches")
    parser.add_argument("--reveal", action="store_true", help="show what looks like a secret, as it is recorded")
    how_many = parser.add_mutually_exclusive_group()
    how_many.add_argument("--limit", metavar="COUNT", type=index, help="at most so many entries, the first ones")
    how_many.add_argument("--last", metavar="COUNT", type=index, help="at most so many entries, the last ones")
    parser.add_argument("--follow", "-f", action="store_true", help="go on with what is added, until Ctrl-C")


def moment(text: str) -> datetime:
    """A time, or how long ago it was. Without an offset it is UTC, as times are shown."""
    import argparse

    ago = re.fullmatch(r"(\d{1,9})([smhd])", text)
    try:
        if ago is not None:
            unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[ago[2]]
            return datetime.now(UTC) - timedelta(**{unit: int(ago[1])})
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        said = f"expected a time such as 2026-11-30T09:00, or 15m for fifteen minutes ago, got {text!r}"
        raise argparse.ArgumentTypeError(said) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def pattern(text: str) -> re.Pattern[str]:
    import argparse

    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a regular expression: {error}") from None


def show(engine: Engine, arguments: argparse.Namespace) -> int:
    if arguments.follow and arguments.limit is not None:
        raise console.CommandError("--follow goes on, --limit stops", "give one of them", console.USAGE)
    picks = _picks(arguments)
    worker = known_worker(engine, arguments.name)
    _tell_dropped(engine, worker, arguments)
    until = worker.oplog_index if arguments.follow else _FAR
    pages = _pages(worker, arguments, picks, until)
    if arguments.json and not arguments.follow:
        _as_array(pages)
        return console.OK
    page = _Page(runs=not (arguments.kinds or arguments.grep))
    if arguments.json:
        for picked in pages:
            _as_lines(picked)
    else:
        page.print(pages, head=True)
    if arguments.follow:
        _follow(engine, worker, arguments, until, page)
    return console.OK


def _tell_dropped(engine: Engine, worker: Worker, arguments: argparse.Namespace) -> None:
    """What is not there any more; raises HistoryDropped where that is what is asked for."""
    from durable_dsl.engine.errors import DamagedError, HistoryDropped
    from durable_dsl.engine.standing import dropped

    try:
        found = dropped.of(engine.store, worker.id)
    except DamagedError as damage:
        console.note(f"warning: {damage}")
        return
    if found is None or arguments.first > found.upto:
        return
    if arguments.first > 1:
        raise HistoryDropped(worker.name, f"showing entry {arguments.first}", found.upto, found.reach, found.archive)
    if arguments.last is None:
        copies = f"; copies are in {found.archive}" if found.archive else ""
        said = "but for results that are kept by their keys"
        console.note(f"entries 2 to {found.upto} were dropped, {said}{copies}")


def _follow(engine: Engine, worker: Worker, arguments: argparse.Namespace, last: int, page: _Page) -> None:
    as_json, picks = _as_json(arguments), _picks(arguments)
    while True:
        time.sleep(_LOOKS_AGAIN)
        found = [as_json(record) for record in engine.store.records(worker.id, "AND idx > ?", (last,))]
        if found:
            last = found[-1]["index"]
            picked = [entry for entry in found if picks(entry)]
            if arguments.json:
                _as_lines(picked)
            elif picked:
                page.print([picked])


def _as_json(arguments: argparse.Namespace) -> Callable[[Record], Entry]:
    from durable_dsl.engine.oplog import view
    from durable_dsl.engine.redaction import redacted

    def as_json(record: Record) -> Entry:
        entry = view.as_json(record)
        return entry if arguments.reveal else redacted(entry)

    return as_json


def _pages(worker: Worker, arguments: argparse.Namespace, picks: Picks, until: int) -> Iterator[list[Entry]]:
    """What is asked for, in order; no more of the oplog is read than it takes to find it."""
    from durable_dsl.engine.worker import pages

    as_json = _as_json(arguments)

    def picked(records: list[Record]) -> list[Entry]:
        asked = (as_json(record) for record in records if arguments.first <= record.index <= until)
        return [entry for entry in asked if picks(entry)]

    if arguments.last is not None:
        yield _last(pages.backward(worker, min(arguments.last, _AT_ONCE)), arguments, picked)
        return
    left = arguments.limit
    for records in pages.forward(worker, arguments.first, _AT_ONCE if left is None else min(left, _AT_ONCE)):
        found = picked(records)
        if left is not None:
            found = found[:left]
            left -= len(found)
        if found:
            yield found
        if left == 0:
            return


def _last(
    pages: Iterator[list[Record]], arguments: argparse.Namespace, picked: Callable[[list[Record]], list[Entry]]
) -> list[Entry]:
    found: list[Entry] = []
    for records in pages:
        found = picked(records) + found
        if len(found) >= arguments.last or 0 < records[0].index <= arguments.first:
            break
    return found[-arguments.last :]


def _as_array(pages: Iterable[list[Entry]]) -> None:
    """One JSON array, as `print_json` writes it, page by page."""
    begun = False
    for page in pages:
        items = console.json_text(page, indent=2)[2:-2]
        console.out(f"{',' if begun else '['}\n{items}", end="")
        begun = True
    console.out("\n]" if begun else "[]")


def _as_lines(entries: Iterable[Entry]) -> None:
    """One JSON document a line: a stream of them has no end that an array could be closed at."""
    for entry in entries:
        console.out(console.json_text(entry))


def _picks(arguments: argparse.Namespace) -> Picks:
    """Whether an entry is asked for. Raises CommandError for a kind that no entry has."""
    asked, since, grep = frozenset(arguments.kinds), arguments.since, arguments.grep
    for unknown in sorted(asked.difference(kinds())):
        raise console.CommandError(
            f"no entry is of the kind {unknown!r}", f"kinds: {', '.join(kinds())}", console.USAGE
        )

    def picks(entry: Entry) -> bool:
        return (
            (not asked or entry["kind"] in asked)
            and (since is None or datetime.fromisoformat(entry["time"]) >= since)
            and (grep is None or grep.search(json.dumps(entry, ensure_ascii=False)) is not None)
        )

    return picks


class _Page:
    """Lines of one width and one form of time."""

    def __init__(self, *, runs: bool) -> None:
        self._runs = runs
        self._color = console.color_enabled(sys.stdout)
        terminal = console.is_terminal(sys.stdout)
        self._width = max(_NARROWEST, shutil.get_terminal_size().columns if terminal else _WIDTH)
        self._today = datetime.now(UTC).date()
        self._kinds = self._indices = self._times = 0

    def print(self, pages: Iterable[list[Entry]], *, head: bool = False) -> None:
        """So many lines at a time; what comes later may have wider columns."""
        runs = _runs(chain.from_iterable(pages), collapse=self._runs)
        taken = list(islice(runs, _AT_ONCE))
        while taken or head:
            console.out("\n".join(self._lines(taken, head=head)))
            taken, head = list(islice(runs, _AT_ONCE)), False

    def _lines(self, runs: list[_Run], *, head: bool) -> Iterator[str]:
        rows = [_row(run, self._today) for run in runs]
        headers = ("INDEX", "TIME", "KIND", "")
        sizes = [[len(text) for text in row[:3]] for row in [headers, *(cells for cells, _ in rows)]]
        self._indices = max(self._indices, *(size[0] for size in sizes))
        self._times = max(self._times, *(size[1] for size in sizes))
        self._kinds = max(self._kinds, *(size[2] for size in sizes))
        if head:
            yield self._line(headers, _BOLD)
        for cells, color in rows:
            yield self._line(cells, color)

    def _line(self, cells: tuple[str, str, str, str], color: str) -> str:
        index, clock, kind, said = map(on_one_line, cells)
        text = f"{index:>{self._indices}}  {clock:<{self._times}}  {kind:<{self._kinds}}  {said}".rstrip()
        text = text if len(text) <= self._width else f"{text[: self._width - 1]}…"
        return f"{color}{text}{_PLAIN}" if self._color and color else text


class _Run(NamedTuple):
    """Entries that are one line."""

    first: Entry
    last: Entry
    times: int


def _runs(entries: Iterable[Entry], *, collapse: bool) -> Iterator[_Run]:
    """Entries one by one, and reads of one function in a row together."""

    def like(entry: Entry) -> tuple[str, str, bool]:
        return entry["kind"], entry.get("function") or "", entry["deleted"]

    for _, group in groupby(entries, like):
        begun = list(islice(group, _MANY))
        if collapse and len(begun) == _MANY and begun[0].get("type") in _READS:
            last, times = begun[-1], _MANY
            for last in group:  # noqa: B007 - the last one is what is wanted
                times += 1
            yield _Run(begun[0], last, times)
        else:
            yield from (_Run(entry, entry, 1) for entry in chain(begun, group))


def _row(run: _Run, today: Any) -> tuple[tuple[str, str, str, str], str]:
    """The cells of a line, and its colour."""
    first, last, times = run
    span = str(first["index"]) if times == 1 else f"{first['index']}-{last['index']}"
    said = _said(first) if times == 1 else f"{first['function']} {first['type']}, {times} times"
    kind = f"{first['kind']} (deleted)" if first["deleted"] else str(first["kind"])
    return (span, _clock(first["time"], today), kind, said), _color(first)


def _color(entry: Entry) -> str:
    if entry["deleted"] or entry.get("type") == "read-local":
        return _DIM
    if entry["kind"] in {"error", "failed-update", "interrupted"}:
        return _RED
    return _BOLD if entry["kind"].startswith("exported-function-") else ""


def _clock(time: str, today: Any) -> str:
    """The time of day, with the date where that is not today."""
    at = datetime.fromisoformat(time).astimezone(UTC)
    day = "" if at.date() == today else f"{at:%Y-%m-%d} "
    return f"{day}{at:%H:%M:%S}.{at.microsecond // 1000:03}"


def _said(entry: Entry) -> str:
    """What an entry says, on one line."""
    members = {name: value for name, value in entry.items() if name not in _COLUMNS and value is not None}
    return " ".join(
        str(value) if name in _BARE else f"{name}={json.dumps(_readable(value), ensure_ascii=False)}"
        for name, value in members.items()
    )


def _readable(value: Any) -> Any:
    """Bytes as the text that they are, or as how many they are."""
    if isinstance(value, dict) and list(value) == ["base64"]:
        try:
            data = base64.b64decode(value["base64"], validate=True)
        except (binascii.Error, TypeError):
            return value
        try:
            return data.decode()
        except UnicodeDecodeError:
            return f"<{len(data)} bytes>"
    if isinstance(value, dict):
        return {name: _readable(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_readable(each) for each in value]
    return value
