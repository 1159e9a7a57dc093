"""A transfer between two accounts, twice: with the host's functions by hand, and with a mark.

The idiom by hand looks right and is not. When the body fails, `finally` ends the region all the same, so that the
half that was done is on record as done: a retry replays that half and fails in the same place, for ever. `@atomic`
ends a region on success and on domain errors only; a failure leaves it open, and all of it runs again.
"""

from __future__ import annotations

from wit_world import exports
from wit_world.imports.host import mark_begin_operation, mark_end_operation

from durable_dsl import atomic, export

accounts = {"alice": 100_00, "bob": 0}
#: What the bank's wire carries at most.
LIMIT_CENTS = 50_00


class ByHand(exports.ByHand):
    """What one writes without marks."""

    def transfer(self, cents: int) -> int:
        """Ends the region on the way of a failure, too."""
        region = mark_begin_operation()
        try:
            return move(cents)
        finally:
            mark_end_operation(region)


@export("with-marks")
@atomic
def transfer(cents: int) -> int:
    """All of it or nothing."""
    return move(cents)


@export("with-marks")
def sum() -> int:  # noqa: A001  (the export's name)
    """Alice's money and Bob's."""
    return accounts["alice"] + accounts["bob"]


def move(cents: int) -> int:
    """Take from one account, give to the other; the wire in between may fail."""
    accounts["alice"] -= cents
    if cents > LIMIT_CENTS:
        raise ConnectionError("the wire is down")
    accounts["bob"] += cents
    return accounts["alice"]
