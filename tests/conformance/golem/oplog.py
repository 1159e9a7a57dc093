"""The oplog: a list of entries, of which a prefix is on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.conformance.golem.signals import Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READ_LOCAL, WRITE_LOCAL, READ_REMOTE, WRITE_REMOTE, BATCHED = (
    "read-local", "write-local", "read-remote", "write-remote", "write-remote-batched",
)  # fmt: skip

#: Entries that no action of the guest stands for: replay passes over them wherever they are.
HINTS = frozenset({
    "Suspend", "Error", "Interrupted", "Exited", "PendingWorkerInvocation", "PendingUpdate", "SuccessfulUpdate",
    "FailedUpdate", "GrowMemory", "CreateResource", "DropResource", "DescribeResource", "Log", "Restart",
})  # fmt: skip

#: How many entries are kept back before they go to disk without being asked to.
_BUFFER = 128


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `begin` is what an End, or a step of a batch, belongs to, and `region` what a Jump deletes."""

    kind: str
    function: str = ""
    effect: str = ""
    begin: int = 0
    region: tuple[int, int] | None = None
    data: Any = None
    key: str = ""

    @property
    def hint(self) -> bool:
        return self.kind in HINTS

    def __str__(self) -> str:
        return f"{self.kind} {self.function}" if self.function else self.kind


class Oplog:
    """Entries are numbered from 1. A process dies at its commits: in between, nothing that is lost matters."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self.committed = 0
        #: How often entries went to disk, and at which of these times the process dies next, "before" or "after" it.
        self.commits = 0
        self.dies: list[tuple[str, int]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __getitem__(self, index: int) -> Entry:
        return self._entries[index - 1]

    def add(self, entry: Entry, *, commit: bool = False) -> int:
        """Append an entry, and give its index."""
        self._entries.append(entry)
        index = len(self._entries)
        if commit or index - self.committed > _BUFFER:
            self.commit()
        return index

    def commit(self) -> None:
        """Have everything on disk."""
        if self.committed == len(self._entries):
            return
        self.commits += 1
        if self.dies[:1] == [("before", self.commits)]:
            raise Killed
        self.committed = len(self._entries)
        if self.dies[:1] == [("after", self.commits)]:
            raise Killed

    def lose(self) -> None:
        """The process is gone, and what was not on disk with it."""
        del self._entries[self.committed :]

    def kinds(self, *, leave_out: Callable[[Entry], bool] = lambda _: False) -> list[str]:
        """What the entries are, in order."""
        return [str(entry) for entry in self._entries if not leave_out(entry)]

    def regions(self) -> list[tuple[int, int]]:
        """What jumps have deleted: ranges in order, overlapping and adjacent ones as one."""
        merged: list[tuple[int, int]] = []
        for start, end in sorted(entry.region for entry in self._entries if entry.region is not None):
            if merged and start <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged
