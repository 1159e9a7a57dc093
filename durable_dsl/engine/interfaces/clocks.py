"""wasi:clocks. The monotonic clock counts nanoseconds since 1970, so that it means the same after a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.interfaces.poll import Timer
from durable_dsl.engine.replay.durability import READ_LOCAL

if TYPE_CHECKING:
    from durable_dsl.engine.replay.host import Host

_SECOND = 1_000_000_000

wall_clock = Interface("wasi:clocks/wall-clock")
monotonic_clock = Interface("wasi:clocks/monotonic-clock")
INTERFACES = (wall_clock, monotonic_clock)


def datetime_of(nanoseconds: int) -> dict[str, int]:
    return {"seconds": nanoseconds // _SECOND, "nanoseconds": nanoseconds % _SECOND}


@wall_clock.durable("now", READ_LOCAL, "wall_clock::now")
def wall_now(host: Host) -> dict[str, int]:
    return datetime_of(host.clock.now())


@wall_clock.durable("resolution", READ_LOCAL, "wall_clock::resolution")
def wall_resolution(_host: Host) -> dict[str, int]:
    return datetime_of(1)


@monotonic_clock.durable("now", READ_LOCAL, "monotonic_clock::now")
def monotonic_now(host: Host) -> int:
    return host.clock.now()


@monotonic_clock.durable("resolution", READ_LOCAL, "monotonic_clock::resolution")
def monotonic_resolution(_host: Host) -> int:
    return 1


def _timer_from(host: Host, start: int, duration: int) -> Timer:
    looked_at, host.looked_at = host.looked_at, {}
    return Timer(start + duration, looked_at)


@monotonic_clock.durable("subscribe-duration", READ_LOCAL, "monotonic_clock::now", finish=_timer_from, commit=True)
def subscribe_duration(host: Host, _duration: int) -> int:
    """Stored is the start, on disk before the guest waits: a sleep that is cut short goes on for its remainder."""
    return host.clock.now()


@monotonic_clock.plain("subscribe-instant")
def subscribe_instant(host: Host, when: int) -> Any:
    host.asides.hear(when)
    return Timer(when)
