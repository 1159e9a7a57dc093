"""Persistence levels, durations and retry policies: the values that marks and regions take.

Users give durations as seconds (int or float), `timedelta` or text like `"100ms"`; inside they are whole nanoseconds
in names ending `_ns`, as golem:api/host takes them.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final, Literal, TypeAlias

from durable_dsl.errors import MarkError


class PersistenceLevel(Enum):
    """What the oplog keeps of a stretch of code; values are the case names of golem:api/host."""

    #: Host calls are performed again on every recovery, nothing of them is recorded.
    PERSIST_NOTHING = "persist-nothing"
    #: Calls that reach the outside world are recorded. No Golem server treats it differently from SMART.
    PERSIST_REMOTE_SIDE_EFFECTS = "persist-remote-side-effects"
    #: The default: Golem decides what to record.
    SMART = "smart"


LevelName: TypeAlias = Literal["persist-nothing", "persist-remote-side-effects", "smart"]
Level: TypeAlias = PersistenceLevel | LevelName
Duration: TypeAlias = float | timedelta | str

U8_MAX: Final = 2**8 - 1
U32_MAX: Final = 2**32 - 1
U64_MAX: Final = 2**64 - 1

_UNITS_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_PART: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h|d)\s*")
_DURATION_HINT: Final = 'give seconds as a number, a timedelta, or text like "100ms", "2s" or "1m30s"'


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When and how often a failed invocation is run again.

    `max_attempts` counts the retries after the first run (Golem's counting; 0 = never again). The k-th retry waits
    `min_delay × multiplier^(k-1)`, at most `max_delay`. `jitter` is the largest share of a delay that is added at
    random, None where the host has no such field (golem:api/host@0.2.0).
    """

    max_attempts: int
    min_delay_ns: int
    max_delay_ns: int
    multiplier: float
    jitter: float | None = None

    @property
    def min_delay(self) -> float:
        """The first retry's delay in seconds."""
        return self.min_delay_ns / 1e9

    @property
    def max_delay(self) -> float:
        """The longest delay in seconds."""
        return self.max_delay_ns / 1e9


def persistence_level(value: object) -> PersistenceLevel:
    """The level that `value` names. Raises MarkError DSL001."""
    if isinstance(value, PersistenceLevel):
        return value
    try:
        return PersistenceLevel(value)
    except ValueError:
        names = ", ".join(f'"{level.value}"' for level in PersistenceLevel)
        raise MarkError("DSL001", f"unknown persistence level {value!r}", f"one of {names}") from None


def duration_ns(value: object, name: str) -> int:
    """`value` in whole nanoseconds, rounded; `name` is the argument's, for messages. Raises MarkError DSL002."""
    if isinstance(value, timedelta):
        result = (value.days * 86_400 + value.seconds) * 1_000_000_000 + value.microseconds * 1_000
    elif isinstance(value, str):
        result = _parse(value, name)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise MarkError("DSL002", f"{name} is {value!r}, which is no length of time", _DURATION_HINT)
        result = round(value * 1_000_000_000)
    else:
        raise MarkError("DSL002", f"{name} is {value!r}, which is no length of time", _DURATION_HINT)
    if result < 0:
        raise MarkError("DSL002", f"{name} is negative: {value!r}", _DURATION_HINT)
    if result > U64_MAX:
        raise MarkError("DSL002", f"{name} is too long: {value!r}", "the host counts nanoseconds in 64 bits")
    return result


def _parse(text: str, name: str) -> int:
    total, at = 0.0, 0
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            break
        total += float(part[1]) * _UNITS_NS[part[2]]
        at = part.end()
    if at == 0 or at < len(text):
        raise MarkError("DSL002", f"{name} is {text!r}, which is no length of time", _DURATION_HINT)
    return round(total)


def retry_argument(name: str, value: object) -> tuple[str, Any]:
    """An argument of `retry`, checked: its name and value, a delay in nanoseconds under a name ending `_ns`.

    Raises MarkError DSL002, DSL003 or DSL010.
    """
    if name == "max_attempts":
        return name, _max_attempts(value)
    if name in {"min_delay", "max_delay"}:
        return f"{name}_ns", duration_ns(value, name)
    return name, _factor(value, name)


def replica_count(value: object) -> int:
    """`value` as a number of replicas. Raises MarkError DSL010."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= U8_MAX:
        raise MarkError("DSL010", f"replicas is {value!r}", f"give a whole number from 0 to {U8_MAX}")
    return value


def _max_attempts(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= U32_MAX:
        hint = f"give a whole number from 0 (never again) to {U32_MAX}; it counts the retries after the first run"
        raise MarkError("DSL003", f"max_attempts is {value!r}", hint)
    return value


def _factor(value: object, name: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
        raise MarkError("DSL010", f"{name} is {value!r}", "give a number that is not negative")
    return float(value)
