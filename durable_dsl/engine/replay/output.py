"""What the guest writes on stdout and stderr: recorded, shown once, a failure's traceback kept back.

Recorded and shown as it comes, but for text that may be the traceback of the failure that ends the attempt: from its
first line on it is held until the guest goes on (then it was only output) or the attempt ends (then the error has it,
once, in the oplog as well as for people).

Nothing is shown or recorded in replay, but text that was held then is held again: the failure that ended an attempt may
have begun before the last recorded call. What stands in the oplog after the last replayed entry is about to be written
again and is left out once, piece by piece.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from durable_dsl.engine.failures.guest_errors import begins_failure, may_begin_failure
from durable_dsl.engine.oplog.entries import Entry, ImportedFunctionInvoked, Log

if TYPE_CHECKING:
    from durable_dsl.engine.oplog.log import Oplog
    from durable_dsl.engine.replay.host import Host

Sink = Callable[[str, bytes], None]
#: How much of an attempt's stderr is kept to find the failure in it, besides all that may be the failure's own.
_KEPT = 1 << 18
#: How much of a line tells whether a failure begins there.
_LINE = 1 << 12


class GuestOutput:
    """The output of one instance. `sink(level, data)` shows it."""

    def __init__(self, log: Oplog, sink: Sink) -> None:
        self.live = False
        self._following = True  # in replay, or at its end and not yet looked at what it held
        self._looked_at = 0  # the entry up to which what was held then is known not to have been released
        self._host: Host | None = None
        self._log = log
        self._sink = sink
        self._seen: list[tuple[str, str, str]] = []
        self._held = bytearray()
        self._holding = False  # the first line of a failure was seen
        self._line = b""  # the current line of stderr as far as it was written
        self._stderr = bytearray()

    def silence(self) -> None:
        """Show nothing from now on."""
        self._sink = lambda _level, _data: None

    def expect(self, seen: list[tuple[str, str, str]]) -> None:
        """These pieces of output (level, context, message) were shown before, and come again."""
        self._seen = list(seen)
        self._end_of_replay()
        if seen or self._held:
            self._log.on_progress = self.progress

    def write(self, host: Host, level: str, data: bytes) -> None:
        if level == "stderr":
            self._stderr += data
        if self.live:
            self._take(host, level, data)
        else:
            self._follow(host, level, data)
        if len(self._stderr) > (kept := max(_KEPT, len(self._held))):
            del self._stderr[:-kept]

    def _take(self, host: Host, level: str, data: bytes) -> None:
        self._host = host
        self._end_of_replay()
        if level != "stderr":
            self.release()
            self._emit(level, data)
            return
        passed = self._pass(data)
        if self._held:
            self._log.on_progress = self.progress
        if passed:
            self._emit("stderr", passed)

    def record(self, host: Host, level: str, context: str, message: str) -> bool:
        """Record a piece of output; False if it was recorded, and shown, in an earlier attempt."""
        if not host.cursor.live:
            return False
        if host.recording and self._seen:
            piece = (level, context, message)
            if piece in self._seen:
                self._seen.remove(piece)
                return False
        self._log.append(Log(level, context, message))
        return True

    def progress(self, entry: Entry) -> None:
        """The guest has gone on: what it writes from now on is new, and what was held is output.

        Printing a traceback looks for source files, so local reads do not count for what is held.
        """
        self._seen = []
        if not (isinstance(entry, ImportedFunctionInvoked) and entry.type == "read-local"):
            self.release()
        elif not self._held:
            self._log.on_progress = None

    def release(self) -> None:
        """What was held is output: record and show it."""
        held, self._held = bytes(self._held), bytearray()
        self._holding = False
        self._line = held.rpartition(b"\n")[2][:_LINE]
        if not self._seen:
            self._log.on_progress = None
        if held:
            self._emit("stderr", held)

    def begin_attempt(self) -> None:
        self._stderr.clear()
        if not self.live:
            self._forget()

    def end_attempt(self) -> tuple[str, str]:
        """The attempt failed: its stderr, and the part of it that was held; nothing is held any more."""
        held = bytes(self._held)
        self._forget()
        return self._stderr.decode("utf-8", "replace"), held.decode("utf-8", "replace")

    def show(self, text: str) -> None:
        """What was held and did not belong to the failure is output."""
        self._emit("stderr", text.encode())

    def _forget(self) -> None:
        self._held.clear()
        self._holding = False
        self._line = b""

    def _follow(self, host: Host, level: str, data: bytes) -> None:
        """Hold in replay what was held then."""
        if not self._following:
            return
        self._host = host
        self._look(host)
        if level == "stderr":
            self._pass(data)
        else:
            self._forget()

    def _end_of_replay(self) -> None:
        if self._following and self.live:
            self._following = False
            if self._host is not None:
                self._look(self._host)

    def _look(self, host: Host) -> None:
        """Forget what is held if the guest went on after it, for then it was released."""
        if self._held and host.cursor.progressed(self._looked_at):
            self._forget()
        self._looked_at = host.cursor.index

    def _emit(self, level: str, data: bytes) -> None:
        """Record a piece and show it, unless an earlier attempt did."""
        assert self._host is not None, "only what the guest wrote is shown"
        if self.record(self._host, level, "", data.decode("utf-8", "replace")):
            self._sink(level, data)

    def _pass(self, data: bytes) -> bytes:
        """The part of `data` that is output for certain; the rest is held."""
        passed = bytearray()
        for piece in data.splitlines(keepends=True):
            self._line += piece[: max(_LINE - len(self._line), 0)]
            line = self._line.decode("utf-8", "replace").rstrip("\r\n")
            whole = piece.endswith((b"\n", b"\r"))
            if self._holding or begins_failure(line) or (not whole and may_begin_failure(line)):
                self._holding = self._holding or begins_failure(line)
                self._held += piece
            else:
                passed += self._held + piece
                self._held.clear()
            if whole:
                self._line = b""
        return bytes(passed)


def to_stderr(_level: str, data: bytes) -> None:
    """The sink of engines that are given none."""
    sys.stderr.write(data.decode("utf-8", "replace"))
    sys.stderr.flush()
