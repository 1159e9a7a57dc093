"""What a program of `app/programs.py` does, crashes included: the semantics document as a hundred lines of Python.

A model of one worker with one invocation. Nothing of the engine is used or imitated in structure: here is a list of
entries of which a prefix is on disk, an instance that reads the list to its end and then appends, and the rules of the
regions. A run gives the outcome, the order of effects, and the entries with what jumps have deleted.

A crash position is (steps, committed): the process dies after so many steps of its way (`Model.step` is called where
the engine's own places are), and, where `committed`, not before the next commit.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


class Died(BaseException):
    """The process is gone."""


class Trap(Exception):
    """The guest's end: type and message."""

    def __init__(self, type_, message, *, retriable=True):
        super().__init__(type_, message)
        self.type, self.message, self.retriable = type_, message, retriable


class Flaky(Exception):
    """A guest exception that guest code may catch. `policy` is what a retry region on its way had before."""


class Refused(Exception):
    """The guest's domain error."""


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
    """One worker. `run(program, crashes)` is its one invocation, `crashes` one position per process that dies."""

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
            instance = Instance(self)
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
        self.pending = []  # (policy to restore, the exception that left its region)
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

    # The guest: the words of the DSL

    def export(self, program):
        seen = []
        try:
            self.steps(program, seen)
        except Refused as refusal:
            outcome = ("err", str(refusal))
        except Flaky as failure:
            self.settle(failure)
            raise Trap("Flaky", str(failure)) from failure
        else:
            outcome = ("ok", " ".join(seen))
        self.settle()
        return outcome

    def settle(self, failure=None):
        """Restore policies that are pending, unless this failure is what left their regions."""
        if failure is None or all(left_by is not failure for _, left_by in self.pending):
            pending, self.pending = self.pending, []
            for policy, _ in pending:
                self.set_policy(policy)

    def steps(self, program, seen):
        for word, *arguments in program:
            getattr(self, f"do_{word}")(seen, *arguments)

    def region(self, enter, leave, fail, body, seen):
        self.settle()
        given = enter()
        try:
            self.steps(body, seen)
        except Flaky as failure:
            self.settle(failure)
            fail(given, failure)
            raise
        except Refused:
            self.settle()
            leave(given)
            raise
        self.settle()
        leave(given)

    def do_write(self, seen, label):
        seen.append(f"{label}{self.call('write', label)}")

    def do_read(self, seen, label):
        seen.append(f"{label}{self.call('read', label)}")

    def do_flaky(self, seen, label, times):
        count = self.call("write", label)
        seen.append(f"{label}{count}")
        if count <= times:
            raise Flaky(label)

    def do_atomic(self, seen, body):
        def fail(_begin, failure):
            raise Trap("Flaky", str(failure)) from failure

        self.region(self.begin, self.end, fail, body, seen)

    def do_once(self, seen, body, *, idempotent=False):
        def restore(before, _failure=None):
            self.idempotent = before

        def enter():
            before, self.idempotent = self.idempotent, idempotent
            return before

        self.region(enter, restore, restore, body, seen)

    def do_often(self, seen, body):
        self.do_once(seen, body, idempotent=True)

    def do_nothing(self, _seen, body):
        def enter():
            before = self.zone
            self.set_zone(True)
            return before

        self.region(enter, self.set_zone, lambda before, _: self.set_zone(before), body, [])

    def do_retry(self, seen, attempts, body):
        def enter():
            before = self.policy
            self.set_policy(attempts)
            return before

        self.region(enter, self.set_policy, lambda *left: self.pending.append(left), body, seen)

    def do_try(self, seen, body):
        try:
            self.steps(body, seen)
        except Flaky as failure:
            seen.append(f"caught-{failure}")

    def do_again(self, seen, label, times, body):
        self.settle()
        marker = self.mark("no-op")
        self.steps(body, seen)
        count = self.call("write", label)
        if count <= times:
            self.settle()
            if self.live:
                self.jump(marker + 1)
                raise Jumped
        seen.append(f"{label}{count}")

    def do_commit(self, _seen):
        self.settle()
        if self.live:
            self.model.commit()

    def do_refuse(self, _seen, text):
        raise Refused(text)
