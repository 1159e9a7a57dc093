"""A reference model of transactions: what the world outside sees of a program of them, and what the program returns.

Programs are those of `app/programs.py`, of the words saga, step, settle, retry, write and try.
"""

from __future__ import annotations

from itertools import groupby


class Failed(Exception):
    """A saga, with the labels of what is left; or a step, without."""

    def __init__(self, left=None):
        super().__init__(left)
        self.left = left


class Model:
    """Runs a program without durability."""

    def __init__(self):
        self.world = []
        self.seen = []
        self.attempts = 3
        self.stack = []

    def run(self, program):
        for word, *arguments in program:
            getattr(self, word)(*arguments)

    def write(self, label):
        self.world.append(label)
        self.seen.append(label)

    def step(self, label, how):
        if how == "no":
            raise Failed
        self.world.append(label)
        if how == "flaky" and self.world.count(label) == 1:
            raise Failed
        if self.stack:
            self.stack[-1][0].append((label, how))
        self.seen.append(label)

    def retry(self, attempts, body):
        before, self.attempts = self.attempts, attempts
        self.run(body)
        self.attempts = before

    def settle(self, body):
        before = len(self.seen)
        try:
            self.run(body)
        except Failed as failed:
            del self.seen[before:]
            if failed.left is None:
                raise
            self.seen.append("left:" + ",".join(failed.left))

    def saga(self, again, body):
        for attempt in range(self.attempts + 1):
            before = len(self.seen)
            self.stack.append(([], []))
            try:
                self.run(body)
            except Failed:
                del self.seen[before:]
                done, left = self.stack.pop()
                for label, how in reversed(done):
                    if how == "stuck":
                        left.append(label)
                    else:
                        self.world.append(f"undo-{label}")
                if again and not left and attempt < self.attempts:
                    continue
                if self.stack:
                    self.stack[-1][1].extend(left)
                raise Failed(left) from None
            else:
                done, _left = self.stack.pop()
                if self.stack:
                    self.stack[-1][0].extend(done)
                return


def expected(program):
    """What the world sees, and what the program gives."""
    model = Model()
    model.run(program)
    return model.world, " ".join(model.seen)


def once_each(log):
    """The log without what was done again right away, and how often that was."""
    kept = [label for label, _ in groupby(log)]
    return kept, len(log) - len(kept)


def standing(log):
    """The labels whose last event is that they were done."""
    last = {label.removeprefix("undo-"): label for label in log}
    return {label for label, event in last.items() if event == label}
