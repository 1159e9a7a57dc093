"""A worker: its oplog, and the instance that is running or is made of it.

A failure is judged as the server judges it: the consecutive failures since the last recorded progress are counted, and
the policy in force decides. Delays move the clock. A worker may be killed at any of its commits; it is then made again
of what was on disk, and its caller repeats the call with the same key.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.conformance.golem.crossing import GuestTrap, Instance, component_of, export_of
from tests.conformance.golem.host import DEFAULT_POLICY, Clock, Host
from tests.conformance.golem.oplog import Entry, Oplog
from tests.conformance.golem.signals import Diverged, Exited, Failed, Hung, Jumped, Killed, Suspended

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IDLE, RUNNING, SUSPENDED, FAILED, EXITED, STUCK, ENDLESS = (
    "idle", "running", "suspended", "failed", "exited", "hangs", "retried for ever",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an invocation has ended; `status` is `hangs` where a server would wait for ever."""

    status: str
    value: Any = None
    error: str = ""
    stderr: str = ""


class Worker:
    """One worker of one component. After `patience` failed attempts it is said to be retried for ever."""

    def __init__(
        self,
        component: Path,
        *,
        environment: Mapping[str, str] | None = None,
        closes_whole_bodies: bool = False,
        patience: int = 12,
    ) -> None:
        self._path = component
        self._environment = environment or {}
        self._closes_whole_bodies = closes_whole_bodies
        self._patience = patience
        self._attempts = 0
        self._results: dict[str, Outcome] = {}
        self._host: Host | None = None
        self._instance: Instance | None = None
        self.clock = Clock()
        self.promises: dict[int, bytes | None] = {}
        self.oplog = Oplog()
        self.oplog.add(Entry("Create"), commit=True)
        self.status = IDLE
        self.killed = 0
        #: Where it hangs, and where replay differed from what was recorded.
        self.hangs_at = ""
        self.diverged: list[str] = []

    def invoke(self, function: str, *arguments: Any, key: str = "") -> Outcome:
        """Call an export, and repeat the call with its key as often as the process dies meanwhile."""
        if self.status == STUCK:
            return Outcome(STUCK, error=self.hangs_at)
        if self.status in {FAILED, EXITED}:
            return Outcome(self.status, error=f"Previous invocation {self.status}")
        key = key or str(uuid.uuid4())
        self._attempts = 0
        if key not in self._results:
            self.status = RUNNING
        while key not in self._results and self.status == RUNNING:
            self._advance(lambda: self._begin(function, arguments, key))
        return self._results.get(key) or self._unfinished()

    def restart(self) -> Outcome:
        """The process is stopped and started: the history is replayed, and what was under way goes on."""
        self._drop()
        self.oplog.lose()
        return self.resume()

    def resume(self) -> Outcome:
        """Go on with what is under way, if anything is."""
        self._attempts = 0
        if self.status in {FAILED, EXITED}:
            return self._unfinished()
        self.status = RUNNING
        while self.status == RUNNING:
            self._advance(lambda: None)
            if self._instance is not None and self.status == RUNNING:
                self.status = IDLE
        return self._last if self.status == IDLE else self._unfinished()

    def kill(self, when: str, commit: int) -> None:
        """Have the process die "before" or "after" the commit of that number, counted from the worker's beginning.

        Before it: what the guest has done since the commit before is done, and not on record. Called again, it dies
        again.
        """
        self.oplog.dies.append((when, commit))

    def complete_promise(self, index: int, data: bytes) -> None:
        self.promises[index] = data

    def update(self, component: Path) -> bool:
        """An automatic update: the whole history is replayed on the new build; whether the worker moves to it."""
        self._drop()
        self.oplog.add(Entry("PendingUpdate"), commit=True)
        before, self._path = self._path, component
        try:
            self._load()
        except (GuestTrap, Failed, Exited, Hung) as error:
            self._path = before
            self._drop()
            self.oplog.add(Entry("FailedUpdate", data=str(error)), commit=True)
            if isinstance(error, Diverged):
                self.diverged.append(str(error))
            return False
        self.oplog.add(Entry("SuccessfulUpdate"), commit=True)
        self.status = IDLE
        return True

    @property
    def stderr(self) -> str:
        """What the invocation that was begun last has written on stderr, repetitions left out."""
        lines: list[bytes] = []
        for entry in self.oplog:
            if entry.kind == "ExportedFunctionInvoked":
                lines.clear()
            elif entry.kind == "Log" and entry.data[0] == "stderr":
                lines.append(entry.data[1])
        return b"".join(lines).decode()

    @property
    def _last(self) -> Outcome:
        keys = [entry.key for entry in self.oplog if entry.kind == "ExportedFunctionInvoked"]
        return self._results.get(keys[-1], Outcome(IDLE)) if keys else Outcome(IDLE)

    def _unfinished(self) -> Outcome:
        return Outcome(self.status, error=self.hangs_at if self.status == STUCK else self._error(), stderr=self.stderr)

    def _error(self) -> str:
        return next((str(entry.data) for entry in reversed(list(self.oplog)) if entry.kind == "Error"), "")

    def _advance(self, then: Any) -> None:
        """One attempt: make the instance if there is none, and go on."""
        try:
            if self._instance is None:
                self._load()
            then()
        except Killed:
            self._die()
        except Jumped:
            self._drop()
        except Hung as hung:
            self.status, self.hangs_at = STUCK, str(hung)
            self._drop()
        except (Suspended, Exited, GuestTrap, Failed) as error:
            try:
                self._fail(error)
            except Killed:
                self._die()

    def _die(self) -> None:
        """The process is gone; one that starts goes on, unless what is on disk says that there is nothing to try."""
        self.killed += 1
        del self.oplog.dies[0]
        self._drop()
        self.oplog.lose()
        policies = [entry.data for entry in self.oplog if entry.kind == "ChangeRetryPolicy"]
        if self._previous_tries() > (policies or [DEFAULT_POLICY])[-1]["max-attempts"]:
            self.status = FAILED
        elif any(entry.kind == "Exited" for entry in self.oplog):
            self.status = EXITED

    def _load(self) -> None:
        """Make an instance and replay the history on it; what was under way is finished by that."""
        component, imports = component_of(self._path)
        self._host = host = Host(
            self.oplog,
            clock=self.clock,
            environment=self._environment,
            promises=self.promises,
            closes_whole_bodies=self._closes_whole_bodies,
        )
        instance = Instance(imports, host)
        self._instance = instance
        while not host.live:
            _, begun = host.replay.take("ExportedFunctionInvoked")
            host.key = begun.key
            value = instance.call(export_of(component, begun.function), begun.data)
            if host.live:
                self._complete(begun.key, value)
                return
            _, completed = host.replay.take("ExportedFunctionCompleted")
            if completed.data != value:
                raise Diverged(f"{begun.function} has given {completed.data!r}, and now gives {value!r}")
            self._results[begun.key] = Outcome(IDLE, value)

    def _begin(self, function: str, arguments: tuple[Any, ...], key: str) -> None:
        if key in self._results or self._host is None or self._instance is None:
            return
        self.status = RUNNING
        export = export_of(component_of(self._path)[0], function)
        self._host.key = key
        entry = Entry("ExportedFunctionInvoked", export.name, data=list(arguments), key=key)
        self.oplog.add(entry, commit=True)
        self._complete(key, self._instance.call(export, list(arguments)))

    def _complete(self, key: str, value: Any) -> None:
        self.oplog.add(Entry("ExportedFunctionCompleted", data=value), commit=True)
        self._results[key] = Outcome(IDLE, value)
        self.status = IDLE

    def _fail(self, error: BaseException) -> None:
        policy = (self._host.policy if self._host is not None else None) or DEFAULT_POLICY
        self._drop()
        if isinstance(error, Suspended):
            self.oplog.add(Entry("Suspend"), commit=True)
            if error.until is None:
                self.status = SUSPENDED
            else:
                self.clock.skip_to(error.until)
            return
        if isinstance(error, Exited):
            self.status = EXITED
            self.oplog.add(Entry("Exited"), commit=True)
            return
        if isinstance(error, Diverged):
            self.diverged.append(str(error))
        tries = self._previous_tries()
        self.oplog.add(Entry("Error", data=str(error)), commit=True)
        self._attempts += 1
        if "call stack exhausted" in str(error) or tries >= policy["max-attempts"]:
            self.status = FAILED
        elif self._attempts >= self._patience:
            self.status = ENDLESS
        else:
            self.clock.skip_to(self.clock.now() + _delay(policy, tries))

    def _previous_tries(self) -> int:
        """Consecutive failures since the last entry on disk that is none."""
        tries = 0
        for index in range(self.oplog.committed, 0, -1):
            entry = self.oplog[index]
            if not entry.hint:
                break
            tries += entry.kind == "Error"
        return tries

    def _drop(self) -> None:
        instance, self._instance = self._instance, None
        if self._host is not None:
            self._host.close()
            self._host = None
        if instance is not None:
            instance.close()


def _delay(policy: dict[str, Any], tries: int) -> int:
    """As the server computes it: the multiplier's fraction is cut off."""
    delay = policy["min-delay"] * int(policy["multiplier"]) ** max(tries - 1, 0)
    return int(min(delay, policy["max-delay"]))
