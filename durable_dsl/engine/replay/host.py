"""What the implementation of a host call sees of the instance that calls: its oplog, its modes, its surroundings.

There is one `Host` per instance and it dies with it: level, mode and policy start anew and regain their values because
replay repeats the guest's calls. `replaying` and `recording` are derived and kept as plain attributes, since every
durable call looks at them: replaying = answers come from the oplog; recording = calls are performed and written.
Neither holds inside a persist-nothing zone.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from durable_dsl.asides import Listener
from durable_dsl.engine.replay.open_effects import OpenEffects
from durable_dsl.engine.replay.suspension import LOOKS_AGAIN

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from durable_dsl.engine.clock import Clock
    from durable_dsl.engine.directory.identity import Identity
    from durable_dsl.engine.grants.sandbox import Sandbox
    from durable_dsl.engine.oplog.cursor import Cursor
    from durable_dsl.engine.oplog.log import Oplog
    from durable_dsl.engine.replay.output import GuestOutput
    from durable_dsl.engine.replay.retries import RetryPolicy
    from durable_dsl.engine.replay.surroundings import Owner
    from durable_dsl.engine.replay.suspension import Keeper
    from durable_dsl.engine.signals import Signal, Suspended

PERSIST_NOTHING = "persist-nothing"
SMART = "smart"


class Host:
    """The host side of one instance."""

    __slots__ = (
        "arguments",
        "asides",
        "begins",
        "changes",
        "clock",
        "condition",
        "cursor",
        "environment",
        "files",
        "idempotent",
        "identity",
        "invocation_key",
        "invoked_at",
        "keeper",
        "key_counts",
        "level",
        "log",
        "looked_at",
        "open_effects",
        "output",
        "policy",
        "recording",
        "regions",
        "replaying",
        "signal",
        "worker",
    )  # fmt: skip

    def __init__(
        self,
        worker: Owner,
        *,
        log: Oplog,
        cursor: Cursor,
        clock: Clock,
        output: GuestOutput,
        files: Sandbox,
        environment: Callable[[], list[tuple[str, str]]],
        arguments: Sequence[str],
        identity: Identity,
        condition: threading.Condition,
    ) -> None:
        self.worker = worker
        self.log = log
        self.cursor = cursor
        self.clock = clock
        self.output = output
        self.files = files
        #: What it is now.
        self.environment = environment
        self.arguments = arguments
        self.identity = identity
        #: What the guest says that no other host minds.
        self.asides = Listener()
        #: Notified when something happens that a waiting guest may wait for.
        self.condition = condition
        self.level = SMART
        self.idempotent = True
        self.policy: RetryPolicy | None = None
        #: Begin indices of the open atomic regions, outermost first, and of the open batches.
        self.regions: list[int] = []
        self.begins: list[int] = []
        self.open_effects = OpenEffects()
        #: How often `notify` was called: who looks at something and then waits sees whether it was meanwhile.
        self.changes = 0
        #: Whether promises that the guest has just looked at, and found pending, are completed by now.
        self.looked_at: dict[str, Callable[[], bool]] = {}
        self.invocation_key = ""
        self.invoked_at = 0
        self.key_counts: dict[str, int] = {}
        #: What ends the guest at its next host call.
        self.signal: Signal | None = None
        #: What keeps the instance while the worker is suspended.
        self.keeper: Keeper | None = None
        self.replaying = self.recording = False
        self.settle()

    def set_level(self, level: str) -> None:
        if level == PERSIST_NOTHING and not self.cursor.live:
            # The zone is performed again, perhaps with other results: what follows may be asked differently.
            self.cursor.tolerate = self.worker.warn
        self.level = level
        self.settle()

    def settle(self) -> None:
        """Work out the modes again, after the level or the cursor has changed."""
        recorded = self.level != PERSIST_NOTHING
        self.replaying = recorded and not self.cursor.live
        self.recording = recorded and self.cursor.live
        self.output.live = self.cursor.live
        if self.cursor.live:
            self.open_effects.start_deferred()

    def check_signal(self) -> None:
        """End the guest call here if somebody asked for that."""
        if self.signal is not None:
            raise self.signal

    @property
    def at_rest(self) -> bool:
        """Whether nothing that an invocation has begun lasts beyond it, but for modes that can be set again."""
        return not (self.regions or self.begins or self.open_effects.busy or self.level == PERSIST_NOTHING)

    @property
    def policy_in_force(self) -> RetryPolicy:
        return self.policy or self.worker.default_policy

    @property
    def position(self) -> int:
        """The last index that the guest's own actions have reached; the same at the same place of every attempt."""
        if self.cursor.live:
            return self.log.last_action
        return self.cursor.position

    @property
    def called(self) -> str:
        """The worker's name; in the history of a forked one, that of the worker whose history it was."""
        following = self.cursor.peek()
        return self.worker.name if following is None else self.identity.name_at(following[0])

    @property
    def retry_point(self) -> int:
        """What a failure now is a failure of: the outermost open region or batch, else the last progress."""
        begun = [*self.regions, *self.begins]
        if begun:
            return min(begun)
        return self.log.last_progress if self.cursor.live else self.cursor.index

    def notify(self) -> None:
        """From any thread: something has happened that the guest may wait for."""
        with self.condition:
            self.changes += 1
            self.condition.notify_all()

    def wait(
        self, until: int | None, *, since: int | None = None, outside: bool = False, again: float | None = None
    ) -> None:
        """Block the guest until notified or until a time; ends the call if a signal arrives meanwhile.

        Does not block if `changes` is no longer `since`. `outside` and `again` are as in `Clock.wait`.
        """
        with self.condition:
            self.check_signal()
            if since is None or since == self.changes:
                self.clock.wait(self.condition, until, outside=outside, again=again)
        self.check_signal()

    def suspend(self, wait: Suspended) -> None:
        """Return when what is waited for has come; raises `wait` where the rest of it shall need no instance."""
        keeper = self.keeper
        if keeper is None or not keeper.keeps or not keeper.places.take():
            raise wait
        try:
            with keeper.suspended(wait.until, wait.promise):
                wait.recorded = True
                end = time.monotonic() + keeper.keeps
                while not wait.over(self.clock.now()):
                    left = end - time.monotonic()
                    if left <= 0:
                        raise wait
                    self.wait(wait.until, again=left if wait.sooner is None else min(left, LOOKS_AGAIN))
        finally:
            keeper.places.give_back()

    def next_key_name(self) -> str:
        """The name that the next derived idempotency key is made from: never twice in an invocation."""
        if self.regions:
            base = f"region-{self.regions[0]}"
        else:
            base = f"oplog-index-{self.log.last_action if self.cursor.live else self.cursor.position}"
        used = self.key_counts[base] = self.key_counts.get(base, -1) + 1
        return f"{base}-{used}" if used or self.regions else base
