"""The same regions inside a function, by hand and as `with` blocks, to be timed inside the guest."""

from __future__ import annotations

import time

from wit_world.imports import host

from durable_dsl import atomic, persist


def by_hand(which: str, rounds: int) -> int:
    count = 0
    start = time.perf_counter_ns()
    if which == "atomic":
        for _ in range(rounds):
            begin = host.mark_begin_operation()
            try:
                count += 1
            finally:
                host.mark_end_operation(begin)
    else:
        for _ in range(rounds):
            level = host.get_oplog_persistence_level()
            host.set_oplog_persistence_level(host.PersistenceLevel_PersistRemoteSideEffects())
            try:
                count += 1
            finally:
                host.set_oplog_persistence_level(level)
    return time.perf_counter_ns() - start


def blocks(which: str, rounds: int) -> int:
    count = 0
    start = time.perf_counter_ns()
    if which == "atomic":
        for _ in range(rounds):
            with atomic:
                count += 1
    else:
        for _ in range(rounds):
            with persist("persist-remote-side-effects"):
                count += 1
    return time.perf_counter_ns() - start
