"""wasi:io/poll: pollables, waiting for them, and what a long sleep does.

A pollable is ready, or has a deadline, or becomes ready when something else happens, which `Host.notify` tells.
A poll is recorded when it returns. If all there is to wait for is timers and the first is at least
`SUSPEND_THRESHOLD` away, the worker is suspended, and may have no instance when the time comes (`suspension`). A wait
of `COMMIT_THRESHOLD` or more has its beginning on disk, whichever way the guest's runtime sleeps (CPython reads the
clock and subscribes to an instant), so that a sleep which is cut short goes on for its remainder. Inside an open atomic
region or a persist-nothing zone the guest waits in place, since each wake-up would start the region, and its sleep,
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.clock import LAST
from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.replay.durability import READ_LOCAL, durable
from durable_dsl.engine.replay.host import PERSIST_NOTHING, Host
from durable_dsl.engine.replay.suspension import LOOKS_AGAIN
from durable_dsl.engine.signals import Failure, Sleep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SUSPEND_THRESHOLD = 10_000_000_000
#: A thousand times what a commit costs; what is left of a sleep of a second is a little less than one.
COMMIT_THRESHOLD = 100_000_000

poll = Interface("wasi:io/poll")
INTERFACES = (poll,)


class Pollable:
    """Always ready; the base of all others."""

    resource_kind = "pollable"
    #: When it becomes ready by itself, in nanoseconds since 1970; None where that depends on something else.
    deadline: int | None = None
    #: Whether it waits for something that is under way outside, and takes the time that it takes.
    outside = False

    def ready(self, _host: Host) -> bool:
        return True

    def told_ready(self) -> None:
        """The guest has been told that it is ready, perhaps by a record."""


class Timer(Pollable):
    """Ready from a time on; a pause between two looks at promises, by their ids, also when one of them is completed."""

    def __init__(self, deadline: int, looked_at: Mapping[str, Callable[[], bool]] | None = None) -> None:
        self.deadline = min(deadline, LAST)
        self.looked_at = looked_at or {}

    def ready(self, host: Host) -> bool:
        due = self.deadline is not None and host.clock.now() >= self.deadline
        return due or (bool(self.looked_at) and self.sooner())

    def sooner(self) -> bool:
        """Whether it has become ready before its time."""
        return any(came() for came in self.looked_at.values())


def wait_for(host: Host, pollables: list[Pollable]) -> list[int]:
    """Wait until one is ready; which are."""
    if not pollables:
        raise Failure("poll was called with an empty list, which WASI forbids", "InvalidPoll")
    while True:
        changes = host.changes
        ready = [index for index, pollable in enumerate(pollables) if pollable.ready(host)]
        if ready:
            return ready
        deadlines = [pollable.deadline for pollable in pollables if pollable.deadline is not None]
        until = min(deadlines) if deadlines else None
        looking = [each for each in pollables if isinstance(each, Timer) and each.looked_at]
        if until is not None and len(deadlines) == len(pollables) and _sleeps(host, until, looking):
            continue
        outside = any(pollable.outside for pollable in pollables)
        host.wait(until, since=changes, outside=outside, again=LOOKS_AGAIN if looking else None)


def _sleeps(host: Host, until: int, looking: list[Timer]) -> bool:
    """There is nothing to wait for but time; whether that was a long one, which has passed."""
    left = until - host.clock.now()
    stays = host.regions or host.begins or host.level == PERSIST_NOTHING
    if left >= SUSPEND_THRESHOLD and not stays:
        promise = next(iter(looking[0].looked_at)) if looking else None
        host.suspend(Sleep(until, (lambda: any(timer.sooner() for timer in looking)) if looking else None, promise))
        return True
    if left >= COMMIT_THRESHOLD:
        host.log.commit()
    return False


def _count(pollables: list[Pollable]) -> int:
    return len(pollables)


def _told(_host: Host, ready: list[int], pollables: list[Pollable]) -> list[int]:
    for index in ready:
        pollables[index].told_ready()
    return ready


durable_poll = poll.durable("poll", READ_LOCAL, "golem io::poll::poll", request=_count, finish=_told)(wait_for)


@poll.plain("[method]pollable.block")
def block(host: Host, pollable: Pollable) -> None:
    durable_poll(host, [pollable])


def _ready(host: Host, pollable: Pollable) -> bool:
    return pollable.ready(host)


def _told_one(_host: Host, ready: bool, pollable: Pollable) -> bool:
    if ready:
        pollable.told_ready()
    return ready


poll.functions["[method]pollable.ready"] = durable(_ready, "golem io::poll::ready", READ_LOCAL, finish=_told_one)


def when_ready(subscriber: Any) -> Pollable:
    """The pollable of a stream or future: its own, or one that is always ready."""
    subscribe = getattr(subscriber, "subscribe", None)
    return Pollable() if subscribe is None else subscribe()
