"""The position in a recorded history: live if and only if the last entry consumed is the target.

The target is the last entry that there was when the instance was made; entries that are added later move neither.
Hints are passed over at once when the entry before them is consumed, so that nothing but hints to come means live.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance.golem.oplog import BATCHED, WRITE_REMOTE, Entry, Oplog
from tests.conformance.golem.signals import Diverged

if TYPE_CHECKING:
    from collections.abc import Callable


class Replay:
    """Starts behind the entry that created the worker."""

    def __init__(self, oplog: Oplog) -> None:
        self._oplog = oplog
        self._regions = oplog.regions()
        self.target = len(oplog)
        self.last = 1
        #: Output between the last entry consumed and the one after it, which a re-run would print again.
        self.seen: set[tuple[str, bytes]] = set()
        self._leave_region()

    @property
    def live(self) -> bool:
        return self.last == self.target

    def switch_to_live(self) -> None:
        self.last = self.target

    def take(self, kind: str, what: str = "") -> tuple[int, Entry]:
        """The next entry that an action of the guest stands for, and its index; raises Diverged unless it is `kind`."""
        index, entry = self._next()
        while entry.hint:
            if self.live:
                raise Diverged(f"the oplog ends where {kind} was expected")
            index, entry = self._next()
        self._pass_hints()
        if entry.kind != kind or (what and entry.function != what):
            raise Diverged(f"Unexpected oplog entry {index}: expected {f'{kind} {what}'.strip()}, got {entry}")
        return index, entry

    def look_ahead(self, wanted: Callable[[Entry], bool], unless: Callable[[Entry], bool] | None = None) -> bool:
        """Whether an entry that is `wanted` is ahead, and nothing before it that ends the search (`unless`).

        The server's rules: it looks into deleted regions too, and does not begin to look when only one entry is left.
        """
        start = self.last + 1
        if start >= self.target:
            return False
        for index in range(start, len(self._oplog) + 1):
            entry = self._oplog[index]
            if wanted(entry):
                return True
            if unless is not None and unless(entry):
                return False
        return False

    def _next(self) -> tuple[int, Entry]:
        self.last += 1
        index = self.last
        self._leave_region()
        return index, self._oplog[index]

    def _leave_region(self) -> None:
        for start, end in self._regions:
            if start == self.last + 1:
                self.last = end

    def _pass_hints(self) -> None:
        seen: set[tuple[str, bytes]] = set()
        while not self.live and self._oplog[self.last + 1].hint:
            _, entry = self._next()
            if entry.kind == "Log":
                seen.add(entry.data)
        self.seen = seen


def concurrent(begin: int) -> Callable[[Entry], bool]:
    """Whether an entry is an effect beside the batch begun at `begin`, which ends the search for that batch's end."""

    def found(entry: Entry) -> bool:
        if entry.kind == "ImportedFunctionInvoked":
            return entry.effect == WRITE_REMOTE or (entry.effect == BATCHED and entry.begin != begin)
        return entry.kind == "ExportedFunctionCompleted"

    return found


def ends(kind: str, begin: int) -> Callable[[Entry], bool]:
    """Whether an entry is the End of what begins at `begin`."""
    return lambda entry: entry.kind == kind and entry.begin == begin
