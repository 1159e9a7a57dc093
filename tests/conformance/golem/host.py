"""What a host call sees of the instance that makes it: live or replaying, the modes, recorded calls, output."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn

from tests.conformance.golem.oplog import BATCHED, READ_LOCAL, WRITE_REMOTE, Entry, Oplog
from tests.conformance.golem.replay import Replay, concurrent, ends
from tests.conformance.golem.signals import Failed, NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.conformance.golem.client import Exchange

NOTHING, SMART = "persist-nothing", "smart"
NOT_COMPLETED = "Non-idempotent remote write operation was not completed, cannot retry"
DEFAULT_POLICY = {"max-attempts": 3, "min-delay": 100_000_000, "max-delay": 1_000_000_000, "multiplier": 3.0}

#: By interface without version and function, as a component names them.
FUNCTIONS: dict[tuple[str, str], Callable[..., Any]] = {}


def offers(interface: str, *functions: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare the implementation of functions of an interface: called with the host and the WIT arguments."""

    def declare(implementation: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            FUNCTIONS[interface, function] = implementation
        return implementation

    return declare


class Clock:
    """Nanoseconds since 1970. Waiting for time alone moves the clock instead."""

    def __init__(self) -> None:
        self._ahead = 0
        #: Called whenever nothing is waited for but time: the moment for something to come from outside.
        self.waiting: Callable[[], None] = lambda: None

    def now(self) -> int:
        return time.time_ns() + self._ahead

    def skip_to(self, when: int) -> None:
        self.waiting()
        self._ahead += max(0, when - self.now())


class Host:
    """The host side of one instance; level, mode and policy begin anew with each."""

    def __init__(
        self,
        oplog: Oplog,
        *,
        clock: Clock,
        environment: Mapping[str, str],
        promises: dict[int, bytes | None],
        closes_whole_bodies: bool,
    ) -> None:
        self.oplog = oplog
        self.replay = Replay(oplog)
        self.clock = clock
        self.environment = environment
        self.promises = promises
        self.closes_whole_bodies = closes_whole_bodies
        self.level = SMART
        self.idempotent = True
        self.policy: dict[str, Any] | None = None
        self.key = ""
        #: Requests that are under way, and what is notified when one of them gets on.
        self.exchanges: list[Exchange] = []
        self.news = threading.Condition()

    @property
    def live(self) -> bool:
        return self.replay.live

    @property
    def performs(self) -> bool:
        """Whether a recorded call is performed now, rather than answered from the oplog."""
        return self.live or self.level == NOTHING

    @property
    def index(self) -> int:
        return len(self.oplog) if self.live else self.replay.last

    def call(self, name: str, perform: Callable[[], Any], effect: str = READ_LOCAL, *, batch: int = 0) -> Any:
        """A recorded call: what it gave, now or then."""
        begin = self.begin(effect) if not batch else batch
        if self.performs:
            result = perform()
            self.record(name, result, effect, batch)
            if not batch:
                self.end(effect, begin)
            if self.level != NOTHING and effect in {WRITE_REMOTE, BATCHED}:
                self.oplog.commit()
            return result
        _, entry = self.replay.take("ImportedFunctionInvoked", name)
        if not batch:
            self.end(effect, begin)
        return entry.data

    def record(self, name: str, result: Any, effect: str, batch: int = 0) -> None:
        if self.level != NOTHING:
            self.oplog.add(Entry("ImportedFunctionInvoked", name, effect, batch, data=result))

    def begin(self, effect: str) -> int:
        """Before a call. In replay, one that was not completed is judged here."""
        if self.level == NOTHING or not self._marks(effect):
            return self.index
        if self.live:
            return self.oplog.add(Entry("BeginRemoteWrite"), commit=True)
        begin, _ = self.replay.take("BeginRemoteWrite")
        ended = ends("EndRemoteWrite", begin)
        if not self.idempotent:
            if not self.replay.look_ahead(ended):
                self.replay.switch_to_live()
                raise Failed(NOT_COMPLETED)
        elif not self.replay.look_ahead(ended, unless=concurrent(begin)):
            self.repeat_from(begin)
        return begin

    def end(self, effect: str, begin: int) -> None:
        """After a call, or where the last part of a response is dropped; the latter commits nothing."""
        if self.level == NOTHING or not self._marks(effect):
            return
        if self.live:
            self.oplog.add(Entry("EndRemoteWrite", begin=begin))
        else:
            self.replay.take("EndRemoteWrite")

    def repeat_from(self, begin: int) -> None:
        """Everything after `begin` is done again."""
        self.replay.switch_to_live()
        jump = self.replay.target + 1
        assert len(self.oplog) + 1 == jump, "a replaying instance adds no entries"
        self.oplog.add(Entry("Jump", region=(begin + 1, jump)), commit=True)

    def write_output(self, level: str, text: bytes) -> None:
        if not self.live:
            return
        line = (level, text)
        if self.level != NOTHING and line in self.replay.seen:
            self.replay.seen.discard(line)
            return
        self.oplog.add(Entry("Log", data=line))

    def _marks(self, effect: str) -> bool:
        return effect == BATCHED or (effect == WRITE_REMOTE and not self.idempotent)

    def notify(self) -> None:
        with self.news:
            self.news.notify_all()

    def close(self) -> None:
        """The instance is gone. What was sent whole arrives, as it would in the time that a restart takes."""
        for exchange in self.exchanges:
            exchange.end()


def not_offered(name: str) -> Callable[..., NoReturn]:
    """The implementation of what this host does not have."""

    def refuse(*_: Any) -> NoReturn:
        raise NotOfferedError(name)

    return refuse
