"""When a failed attempt is followed by another: the policy, the delay, and how failures are counted.

A failure belongs to a *retry point*: the begin of the outermost open region or batch, or else the last recorded
progress (a recorded call or a closed region). Failures are counted per point, so a region that always fails comes to
an end, although each of its attempts writes entries. `max_attempts` counts retries: with M there are at most M + 1
runs per point.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Golem's retry policy; delays in nanoseconds."""

    max_attempts: int = 3
    min_delay: int = 100 * MILLISECOND
    max_delay: int = 1000 * MILLISECOND
    multiplier: float = 3.0
    max_jitter_factor: float | None = None

    @staticmethod
    def from_wit(record: Mapping[str, Any]) -> RetryPolicy:
        """From the record of any version of golem:api; the older ones have no jitter."""
        return RetryPolicy(
            record["max-attempts"],
            record["min-delay"],
            record["max-delay"],
            record["multiplier"],
            record.get("max-jitter-factor"),
        )

    def to_wit(self) -> dict[str, Any]:
        return {
            "max-attempts": self.max_attempts,
            "min-delay": self.min_delay,
            "max-delay": self.max_delay,
            "multiplier": self.multiplier,
            "max-jitter-factor": self.max_jitter_factor,
        }

    def delay_of_retry(self, number: int) -> int:
        """Nanoseconds to wait before the retry with this number (1, 2, …)."""
        try:
            base = self.min_delay * self.multiplier ** (number - 1)
        except OverflowError:
            base = float(self.max_delay)
        if self.max_jitter_factor:
            base += base * random.uniform(0, self.max_jitter_factor)  # noqa: S311 - spreads load, hides nothing
        if not base < self.max_delay:  # also where base is NaN or infinite
            return self.max_delay
        return int(base)

    def next_delay(self, failures: int) -> int | None:
        """The delay after this many failures at one point, the newest included; None if that was the last attempt."""
        return self.delay_of_retry(failures) if failures <= self.max_attempts else None


DEFAULT_POLICY = RetryPolicy()
