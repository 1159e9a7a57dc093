"""What a program of `app/programs.py` does, crashes included: the rules of durability in few lines.

A model of one worker with one invocation. Nothing of the engine is used or imitated in structure: here is a list of
entries of which a prefix is on disk, and an instance that reads the list to its end and then appends; in
`model_guest.py` are the words of the DSL. A run gives the outcome, the order of effects, and the entries with what
jumps have deleted.

A crash position is (steps, committed): the process dies after so many steps of its way (`Model.step` is called where
the engine's own places are), and, where `committed`, not before the next commit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Died(BaseException):
    """The process is gone."""


class Trap(Exception):
    """The guest's end: type and message."""

    def __init__(self, type_, message, *, retriable=True):
        super().__init__(type_, message)
        self.type, self.message, self.retriable = type_, message, retriable


class Jumped(Exception):
    """The instance is replaced by one that replays."""


@dataclass
class Entry:
    kind: str
    value: object = None  # what a call answered; the begin of an end; the retry point of an error
    region: tuple[int, int] | None = None  # of a jump
    final: bool = False


PROGRESS = {"exported-function-invoked", "write", "read", "end-remote-write", "end-atomic-region", "no-op"}


@dataclass
class Model:
    """One worker, whose instances `make` gives. `run(program, crashes)` is its one invocation, `crashes` one position
    per process that dies."""

    make: Callable[[Model], Instance]
    entries: list[Entry] = field(default_factory=lambda: [Entry("create")])
    on_disk: int = 1
    log: list[str] = field(default_factory=list)  # effects in order
    counts: Counter = field(default_factory=Counter)
    left: int = -1  # steps until death
    after_commit: bool = False

    def run(self, program, crashes=()):
        """The outcome: ("ok", text), ("err", text) or ("failed", type, message)."""
        for position in [*crashes, (-1, False)]:
            self.left, self.after_commit = position
            try:
                self.die_if_due()
                return self.process(program)
            except Died:
                del self.entries[self.on_disk :]
        raise AssertionError("the last process does not die")

    # Life and death

    def step(self):
        """One place of the engine's. A death that waits for a commit which does not come has missed it."""
        if self.left == 0:
            assert self.on_disk == len(self.entries), "the engine committed where nothing asks for it"
            raise Died
        self.left -= 1
        self.die_if_due()

    def die_if_due(self):
        if self.left == 0 and not self.after_commit:
            raise Died

    def append(self, entry):
        self.entries.append(entry)
        self.step()
        return len(self.entries)

    def commit(self):
        self.on_disk = len(self.entries)
        if self.left == 0 and self.after_commit:
            raise Died

    def effect(self, label):
        self.log.append(label)
        self.counts[label] += 1
        return self.counts[label]

    # A process: attempts until there is an end

    def process(self, program):
        last = self.entries[-1]
        if last.kind == "exported-function-completed":
            return last.value
        if last.final:
            return ("failed", *last.value[1:])
        while True:
            instance = self.make(self)
            try:
                if instance.live:
                    self.append(Entry("exported-function-invoked"))
                else:
                    instance.take("exported-function-invoked")
                outcome = instance.export(program)
                self.append(Entry("exported-function-completed", outcome))
                self.commit()
                return outcome
            except Jumped:
                continue
            except Trap as trap:
                point = instance.retry_point()
                failures = 1 + sum(one.kind == "error" and one.value[0] == point for one in self.entries)
                final = not trap.retriable or failures > instance.policy
                self.append(Entry("error", (point, trap.type, trap.message), final=final))
                self.commit()
                if final:
                    return ("failed", trap.type, trap.message)

    def deleted(self):
        return {index for one in self.entries if one.region for index in range(one.region[0], one.region[1] + 1)}


class Instance:
    """One instance: it replays what is in the log and outside deleted regions, then it is live."""

    def __init__(self, model):
        self.model = model
        gone = model.deleted()
        self.ahead = [
            (index, entry)
            for index, entry in enumerate(model.entries, 1)
            if index not in gone and entry.kind not in {"create", "error"}
        ]
        self.policy = 3  # max-attempts
        self.idempotent, self.zone = True, False
        self.regions = []

    @property
    def live(self):
        return not self.ahead

    def take(self, kind):
        index, entry = self.ahead.pop(0)
        assert entry.kind == kind, f"the model diverges: {entry.kind} recorded, {kind} done"
        return index, entry.value

    def mark(self, kind, value=None):
        """An entry of its own kind, recorded whatever the level; its index."""
        if self.live:
            return self.model.append(Entry(kind, value))
        return self.take(kind)[0]

    def ended(self, begin, kind):
        return any(entry.kind == kind and entry.value == begin for _, entry in self.ahead)

    def jump(self, start):
        self.ahead = []
        self.model.append(Entry("jump", region=(start, len(self.model.entries) + 1)))
        self.model.commit()

    def retry_point(self):
        if self.regions:
            return self.regions[0]
        gone = self.model.deleted()
        entries = enumerate(self.model.entries, 1)
        return max(index for index, entry in entries if entry.kind in PROGRESS and index not in gone)

    # Host calls

    def call(self, kind, label):
        """A remote write or read: recorded once, or in a zone performed each time."""
        model, guarded = self.model, kind == "write" and not self.idempotent and not self.zone
        if not self.live and not self.zone:
            if guarded:
                begin, _ = self.take("begin-remote-write")
                if not self.ended(begin, "end-remote-write"):
                    raise Trap("NonIdempotentWriteUnfinished", "", retriable=False)
            _, count = self.take(kind)
            if guarded:
                self.take("end-remote-write")
            return count
        if guarded:
            begin = model.append(Entry("begin-remote-write"))
        if kind == "write":  # it leaves the worker: what it was made of is on disk before
            model.commit()
        model.step()
        count = model.effect(label)
        model.step()
        if self.zone:
            return count
        model.append(Entry(kind, count))
        if guarded:
            model.append(Entry("end-remote-write", begin))
        if kind == "write":
            model.commit()
        model.step()
        return count

    def begin(self):
        replayed = not self.live
        begin = self.mark("begin-atomic-region")
        if replayed and not self.ended(begin, "end-atomic-region"):
            self.jump(begin + 1)
        self.regions.append(begin)
        return begin

    def end(self, begin):
        self.mark("end-atomic-region", begin)
        self.regions.remove(begin)

    def set_policy(self, policy):
        self.mark("change-retry-policy", policy)
        self.policy = policy

    def set_zone(self, zone):
        if self.live:
            self.model.commit()
        self.zone = zone
