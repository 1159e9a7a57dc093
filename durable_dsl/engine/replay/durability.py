"""The one wrapper that every durable host call goes through: begin, perform and record or replay, end.

An interface module says what a call is: its stored name and function type, how to perform it, and, where the guest
must get something else than what is stored (a handle, say), how to make that from the stored value. `perform` returns
what is stored, `finish(host, stored, *arguments)` what the guest gets; since replay goes through the same `finish`, a
first run and a replay cannot differ.

What the function types mean:

    read-local, write-local, read-remote    one entry, committed with whatever commits next
    write-remote                            one entry, on disk before the guest sees the result, and all before it on
                                            disk before the effect; with idempotence mode off between a begin and an
                                            end entry
    write-remote-batched                    a step of a batch (`batches.py`); committed

What a remote write is made of, such as its key, comes from earlier calls: done again after a crash, it must be the
same one. Nothing is written or read inside a persist-nothing zone: the call is performed, in replay too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakSet

from durable_dsl.engine.oplog.entries import (
    BeginRemoteWrite,
    EndRemoteWrite,
    FunctionType,
    ImportedFunctionInvoked,
)
from durable_dsl.engine.oplog.text import encode
from durable_dsl.engine.signals import NotGranted, UnfinishedWrite

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.oplog.cursor import ReplayRow
    from durable_dsl.engine.replay.batches import Batch
    from durable_dsl.engine.replay.host import Host

Implementation: TypeAlias = Callable[..., Any]

READ_LOCAL: FunctionType = "read-local"
WRITE_LOCAL: FunctionType = "write-local"
READ_REMOTE: FunctionType = "read-remote"
WRITE_REMOTE: FunctionType = "write-remote"
BATCHED: FunctionType = "write-remote-batched"

#: The durable calls that only look at the machine: performing one more changes nothing anywhere.
HARMLESS: WeakSet[Implementation] = WeakSet()


def nothing(*_arguments: Any) -> None:
    """As `request` of a durable call: its arguments follow from what is recorded already."""


def durable(
    perform: Implementation,
    name: str,
    function_type: FunctionType,
    *,
    request: Callable[..., Any] | None = None,
    formerly: Callable[..., Any] | None = None,
    finish: Implementation | None = None,
    batch: Callable[..., Batch] | None = None,
    ends: Callable[[Any], bool] | None = None,
    commit: bool = False,
    transaction: bool = False,
    leaves: bool = True,
    permit: Callable[..., None] | None = None,
) -> Implementation:
    """Make `perform(host, *arguments)` a durable call.

    `request(*arguments)` is what of the arguments is stored and compared in replay; all of them by default, and with
    `nothing` none. `formerly(*arguments)` is what earlier versions of the engine stored of them.
    `batch(host, *arguments)` gives the batch that the call is a step of, and `ends(stored)` says which result is its
    last one. `commit` forces the entry to disk where the type does not. A remote write that `leaves` nothing behind
    before its entry is on disk is told by False.
    `permit(host, *arguments)` ends the guest where its worker may not do this, before anything is written.
    With `transaction` the effect is in the data directory's own database: `perform(host, connection, *arguments)` runs
    in the transaction that writes the entry, so that there is never one without the other.
    """
    marked = function_type == WRITE_REMOTE and batch is None
    fixed = encode(None) if request is nothing else None  # known beforehand: no work on the way of a commit
    commits = commit or function_type in {WRITE_REMOTE, BATCHED}
    leaving = (marked and leaves) or transaction

    def call(host: Host, *arguments: Any) -> Any:
        if host.replaying:
            asked = fixed or (_text(request, arguments) if arguments else None)
            begin = begin_write(host, name, asked) if marked and not host.idempotent else None
            before = None if formerly is None else partial(_text, formerly, arguments)
            value = host.cursor.imported(name, asked, before)
            if begin is not None:
                end_write(host, begin)
            if batch is not None and ends is not None and ends(value):
                batch(host, *arguments).end(host)
        else:
            value = live(host, arguments)
        return value if finish is None else finish(host, value, *arguments)

    def live(host: Host, arguments: tuple[Any, ...]) -> Any:
        if host.signal is not None:
            raise host.signal
        if permit is not None:
            permit(host, *arguments)
        log = host.log
        probe = log.probe
        if not host.recording:
            if leaving:
                log.commit()
            if probe is not None:
                probe.called("before", host, name, function_type)
            value = log.store.transaction(within(host, arguments)) if transaction else perform(host, *arguments)
            if probe is not None:
                probe.called("effect", host, name, function_type)
            if batch is not None:
                batch(host, *arguments).leave(host)
            return value
        asked = fixed or (_text(request, arguments) if arguments else None)
        begin = begin_write(host, name, asked) if marked and not host.idempotent else None
        if leaving and not transaction:
            log.commit()
        member = batch(host, *arguments) if batch is not None else None
        if probe is not None:
            probe.called("before", host, name, function_type)
        if transaction:
            value = log.append_with_effect(
                within(host, arguments),
                lambda value: ImportedFunctionInvoked(name, asked, encode(value), function_type),
            )
        else:
            try:
                value = perform(host, *arguments)
            except NotGranted:
                if begin is not None:  # it was not done, and is begun anew when it may be
                    log.append_jump(begin)
                raise
            if probe is not None:
                probe.called("effect", host, name, function_type)
            begun = None if member is None else member.begin
            log.append(ImportedFunctionInvoked(name, asked, encode(value), function_type, begun))
        if begin is not None:
            end_write(host, begin)
        if member is not None and ends is not None and ends(value):
            member.end(host)
        if commits:
            log.commit()
        if probe is not None:
            probe.called("answer", host, name, function_type)
        return value

    def within(host: Host, arguments: tuple[Any, ...]) -> Callable[[sqlite3.Connection], Any]:
        return lambda connection: perform(host, connection, *arguments)

    if function_type == READ_LOCAL:
        HARMLESS.add(call)
    return call


def begin_write(host: Host, name: str, asked: str | None) -> int:
    """Open a non-idempotent remote write. In replay, one that has no end must never be sent again."""
    if host.replaying:
        row = host.cursor.take(BeginRemoteWrite.kind, lambda row: _compare(host, row, name, asked))
        if not host.cursor.ended(row[0]):
            host.cursor.go_live()
            raise UnfinishedWrite(f"the remote write {name} {asked or ''}".strip(), row[0])
        return row[0]
    begin = host.log.append(BeginRemoteWrite(name, asked, at_most_once=True))
    host.log.commit()
    return begin


def _compare(host: Host, row: ReplayRow, name: str, asked: str | None) -> None:
    if (row[3], row[5]) != (name, asked):
        recorded, attempted = f"{row[3]} {row[5] or ''}".strip(), f"{name} {asked or ''}".strip()
        host.cursor.differs(row[0], recorded, attempted, alike=row[3] == name)


def end_write(host: Host, begin: int) -> None:
    """Close what `begin_write` opened; the caller commits."""
    if host.replaying:
        host.cursor.take(EndRemoteWrite.kind)
    else:
        host.log.append(EndRemoteWrite(begin))


def _text(request: Callable[..., Any] | None, arguments: tuple[Any, ...]) -> str:
    if request is not None:
        return encode(request(*arguments))
    first, *others = arguments
    return encode(arguments if others else first)
