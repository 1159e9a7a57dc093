"""golem:api/host: a worker that copies itself.

The copy is made in the transaction that records the call: it has the history up to there, and the same call on record
with the other result. So there is never a copy without the record, nor two, and the copy goes on like any worker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_dsl.engine.interfaces.golem.host import golem_host
from durable_dsl.engine.interfaces.golem.workers import carried_out
from durable_dsl.engine.oplog.entries import EndRemoteWrite, Entry, ImportedFunctionInvoked
from durable_dsl.engine.oplog.text import encode
from durable_dsl.engine.replay.durability import WRITE_REMOTE
from durable_dsl.engine.signals import Fatal
from durable_dsl.engine.worker import commands

if TYPE_CHECKING:
    import sqlite3

    from durable_dsl.engine.replay.host import Host

INTERFACES = (golem_host,)

_STORED = "golem::api::fork"
_ORIGINAL, _FORKED = "original", "forked"


def _permit(host: Host, _name: str) -> None:
    """Where the copy could not go on from here by itself, it is refused."""
    if host.regions:
        where = f"in an open atomic region (begun at {host.regions[0]})"
        raise Fatal(f"a worker cannot fork itself {where}: the copy would begin that anew; fork before it, or after it")
    if host.begins:
        where = f"while a request is open (begun at {min(host.begins)})"
        raise Fatal(f"a worker cannot fork itself {where}: the copy would send it again; read its response first")
    if not host.recording:
        raise Fatal("a worker cannot fork itself where nothing is recorded: leave the level persist-nothing first")


def _run_copy(host: Host, which: str, name: str) -> str:
    if which == _ORIGINAL and host.cursor.live:
        host.worker.engine.reach(name).resume_in_background()
    return which


@golem_host.durable("fork", WRITE_REMOTE, _STORED, finish=_run_copy, transaction=True, permit=_permit)
def fork(host: Host, connection: sqlite3.Connection, name: str) -> str:
    """Tells who goes on: the worker that called it, or the copy of that name."""
    store, last = host.log.store, host.log.last
    copy = carried_out(commands.insert_fork, connection, host.worker, name, last)
    entries: list[Entry] = [ImportedFunctionInvoked(_STORED, encode(name), encode(_FORKED), WRITE_REMOTE)]
    if not host.idempotent:
        entries.append(EndRemoteWrite(last))
    now = host.clock.now()
    store.writes(copy, [(last + number, now, entry) for number, entry in enumerate(entries, 1)])(connection)
    return _ORIGINAL
