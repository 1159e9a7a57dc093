"""Remote writes that take several steps, such as an HTTP request and the reading of its response.

A batch is opened by a begin entry that is on disk before anything leaves, each step is an entry that names it, and an
end entry closes it. Replay that comes to the begin looks at what else is in the log and decides how things stand:

    answered    it has an end, or, in idempotence mode, all of the answer was seen: everything comes from the log
    repeat      it has none, the guest has seen nothing of the answer, and the invocation that began it is under way:
                replay goes on, and the effect is done again when the worker goes live
    now         as the last, but a part of the answer was seen, and nothing else with an effect was recorded
                since: everything after the begin is deleted, and the effect is done again at once
    lost        it has no end, and none of that may be done: the guest gets an error if it asks for more

With idempotence mode off, one without an end fails the worker: it is never done again. In a persist-nothing zone
there is no begin entry, and the effect is done on each recovery.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from durable_dsl.engine.oplog.entries import (
    BeginAtomicRegion,
    BeginRemoteWrite,
    EndAtomicRegion,
    EndRemoteWrite,
    ExportedFunctionCompleted,
    ImportedFunctionInvoked,
)
from durable_dsl.engine.signals import UnfinishedWrite

if TYPE_CHECKING:
    from collections.abc import Callable

    from durable_dsl.engine.oplog.cursor import ReplayRow
    from durable_dsl.engine.replay.host import Host

Standing: TypeAlias = Literal["now", "repeat", "answered", "lost"]

#: What the first steps of a batch store while there is no answer.
PENDING = "pending"
_PENDING_TEXT = f'"{PENDING}"'
_EFFECTS = (
    "(kind IN ('begin-atomic-region', 'end-atomic-region', 'begin-remote-write', 'end-remote-write',"
    " 'exported-function-completed') OR type IN ('write-remote', 'write-remote-batched'))"
)


@dataclass(slots=True)
class Batch:
    """An opened batch; `begin` is None in a persist-nothing zone. `standing` is how things stood at the begin."""

    begin: int | None
    standing: Standing
    ended: bool = False

    def end(self, host: Host) -> None:
        """Write the end entry, or read it in replay; the caller commits. Only the first call counts."""
        if self.ended or self.begin is None:
            return
        if host.replaying:
            host.cursor.take(EndRemoteWrite.kind)
        elif host.recording:
            host.log.append(EndRemoteWrite(self.begin))
        self.leave(host)

    def close(self, host: Host) -> None:
        """As `end`, and on disk."""
        if not self.ended:
            self.end(host)
            if host.recording:
                host.log.commit()

    def leave(self, host: Host) -> None:
        """Write no end entry any more: steps were done in a persist-nothing zone, and each recovery repeats those."""
        self.ended = True
        if self.begin in host.begins:
            host.begins.remove(self.begin)


def open_batch(host: Host, name: str, request: str, is_all: Callable[[str], bool]) -> Batch:
    """Begin the batch `name` with what replay compares of it; returns once it may leave.

    `is_all(response)` says whether a step with this stored text was the last one that brought anything.
    """
    if host.replaying:
        row = host.cursor.take(BeginRemoteWrite.kind, lambda row: _compare(host, row, name, request))
        batch = Batch(row[0], _standing(host, row, is_all))
    else:
        host.check_signal()
        batch = Batch(None, "now")
        if host.recording:
            batch.begin = host.log.append(BeginRemoteWrite(name, request, None if host.idempotent else True))
        host.log.commit()
        if host.log.probe is not None:
            host.log.probe.called("before", host, name, "write-remote-batched")
    if batch.begin is not None and batch.standing != "lost":
        host.begins.append(batch.begin)
    return batch


def _compare(host: Host, row: ReplayRow, name: str, request: str) -> None:
    recorded, attempted = f"{row[3]} {row[5]}", f"{name} {request}"
    if recorded == attempted:
        return
    host.cursor.differs(row[0], recorded, attempted, alike=row[3] == name)


def _standing(host: Host, row: ReplayRow, is_all: Callable[[str], bool]) -> Standing:
    begin = row[0]
    if host.cursor.ended(begin):
        return "answered"
    if not host.idempotent:
        host.cursor.go_live()
        raise UnfinishedWrite(f"{row[3]} {row[5]}", begin)
    rows = host.cursor.following(_EFFECTS)
    steps = [one[6] for one in rows if _is_step(one, begin)]
    if steps and is_all(steps[-1] or ""):
        return "answered"
    if any(one[2] == ExportedFunctionCompleted.kind for one in rows):
        return "lost"
    if all(step == _PENDING_TEXT for step in steps):
        return "repeat"
    if _others(host, rows, begin):
        return "lost"
    host.cursor.go_live()
    host.log.append_jump(begin + 1)
    return "now"


def _is_step(row: ReplayRow, begin: int) -> bool:
    return row[2] == ImportedFunctionInvoked.kind and row[7] == begin


def _others(host: Host, rows: list[ReplayRow], begin: int) -> bool:
    """Whether something else with an effect was recorded, that must not be done again for the sake of this batch.

    What is in an unfinished atomic region is done again anyway, and so is another batch of which nothing was seen.
    """
    for row in rows:
        kind = row[2]
        if kind == BeginAtomicRegion.kind and not host.cursor.ended(row[0]):
            return False
        if kind == BeginRemoteWrite.kind and host.cursor.detail(row).get("at_most_once"):
            return True
        if kind in {EndAtomicRegion.kind, EndRemoteWrite.kind}:
            return True
        if kind == ImportedFunctionInvoked.kind and not _is_step(row, begin):
            return True
    return False
