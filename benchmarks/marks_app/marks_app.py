"""The same regions around an export, by hand and by marks, to be timed inside the guest.

The guest's clock is the host's; a loop reads it twice, so its cost does not show.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from wit_world import exports
from wit_world.imports import host

from durable_dsl import atomic, non_idempotent, persist, retry

if TYPE_CHECKING:
    from collections.abc import Callable


class ByHand(exports.ByHand):
    """What one writes without marks; `finally` is wrong, but it is the idiom to compare with."""

    def region(self, n: int) -> int:
        begin = host.mark_begin_operation()
        try:
            return n + 1
        finally:
            host.mark_end_operation(begin)

    def level(self, n: int) -> int:
        level = host.get_oplog_persistence_level()
        host.set_oplog_persistence_level(host.PersistenceLevel_PersistRemoteSideEffects())
        try:
            return n + 1
        finally:
            host.set_oplog_persistence_level(level)

    def chain(self, n: int) -> int:
        policy = host.get_retry_policy()
        host.set_retry_policy(replace(policy, max_attempts=5))
        try:
            begin = host.mark_begin_operation()
            try:
                mode = host.get_idempotence_mode()
                host.set_idempotence_mode(False)
                try:
                    return n + 1
                finally:
                    host.set_idempotence_mode(mode)
            finally:
                host.mark_end_operation(begin)
        finally:
            host.set_retry_policy(policy)


class Marked(exports.Marked):
    """The same with marks."""

    @atomic
    def region(self, n: int) -> int:
        return n + 1

    @persist("persist-remote-side-effects")
    def level(self, n: int) -> int:
        return n + 1

    @retry(max_attempts=5)
    @atomic
    @non_idempotent
    def chain(self, n: int) -> int:
        return n + 1


class Loops(exports.Loops):
    """The loops, over the two."""

    def by_hand(self, which: str, rounds: int) -> int:
        return timed(getattr(ByHand(), which), rounds)

    def marked(self, which: str, rounds: int) -> int:
        """Calls the class in the generated wrapper, as the host's call does."""
        wrapper = next(m for m in list(sys.modules.values()) if getattr(m, "__durable_wrapper__", False))
        return timed(getattr(wrapper.Marked(), which), rounds)


def timed(function: Callable[[int], int], rounds: int) -> int:
    start = time.perf_counter_ns()
    for n in range(rounds):
        function(n)
    return time.perf_counter_ns() - start
