"""The words of the DSL in the model: what a program's regions ask of the host, and what exceptions do to them."""

from __future__ import annotations

from tests.crash.model import Instance, Jumped, Trap


class Flaky(Exception):
    """A guest exception that guest code may catch."""


class Refused(Exception):
    """The guest's domain error."""


class Guest(Instance):
    """An instance that runs programs."""

    def __init__(self, model):
        super().__init__(model)
        self.pending = []  # (policy to restore, the exception that left its region)

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
