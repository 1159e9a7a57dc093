"""Which finished steps of a transaction a failed worker has left undone, as "charge('o-1') -> 'c-1'", newest first.

The guest says so itself in the failure that ends it, a line for each: as the message of TransactionFailed, or as notes
on another exception. Where the host ends the guest, it can say nothing. It keeps its open steps in a buffer that can be
found from outside, so the history is replayed once more on an instance that is thrown away and looked into, up to the
call that ended it. That is best effort, as `guest_stack.py` is.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from durable_dsl.engine.diagnosis.dry_run import DryBuild, DryRun
from durable_dsl.engine.failures import guest_stack
from durable_dsl.engine.standing import reading
from durable_dsl.errors import NOT_UNDONE, OPEN_STEPS

if TYPE_CHECKING:
    from durable_dsl.engine.replay.session import Session

#: The head of the buffer: the cookie, the length of the text and its checksum.
_HEAD = len(OPEN_STEPS) + 8


def named_in(message: str) -> list[str]:
    """The steps that a failure's message names."""
    lines = message.splitlines()
    return list(dict.fromkeys(line.removeprefix(NOT_UNDONE) for line in lines if line.startswith(NOT_UNDONE)))


def lines_of(failed: Session) -> list[str]:
    """Lines for the message of a failure that the guest of `failed` could not tell about."""
    worker = failed.host.worker
    if failed.component.roots is None:  # no component that this package built
        return []
    summary = reading.current(worker.engine.store, worker.id)
    run = DryRun(
        worker, DryBuild(failed.component), summary.skipped, summary.last, snapshot=summary.snapshot, goes_on=True
    )
    found: list[str] = []
    run.at_end = lambda starts: found.extend(line for start in starts for line in _read(start))
    run.run()
    return found


def _read(start: int) -> list[str]:
    memory = guest_stack.contents(start)
    at = memory.find(OPEN_STEPS[::-1])
    while at >= 0:
        head = memory[at + len(OPEN_STEPS) : at + _HEAD]
        length, checksum = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")
        text = memory[at + _HEAD : at + _HEAD + length]
        if length and zlib.crc32(text) == checksum:
            return text.decode("utf-8", "replace").splitlines()
        at = memory.find(OPEN_STEPS[::-1], at + 1)
    return []
