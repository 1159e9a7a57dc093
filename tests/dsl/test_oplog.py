"""The words that ask the host something, in plain Python."""

from __future__ import annotations

import threading
import uuid

import pytest

import durable_dsl
from durable_dsl import (
    MarkError,
    RegionError,
    RewindUnsupported,
    atomic,
    idempotency_key,
    oplog_commit,
    oplog_index,
    retry_policy,
    rewind,
)
from durable_dsl.testing import trace


def test_indices_count_up():
    """Each marker is new."""
    with trace() as calls:
        assert (3, 4) == (oplog_index(), oplog_index())

    assert ["get-oplog-index"] * 2 == [c.name for c in calls]


def test_idempotency_keys_differ():
    """A key is a UUID, and no two are the same."""
    first, second = idempotency_key(), idempotency_key()

    assert isinstance(first, uuid.UUID)
    assert first != second


def test_rewind_is_refused_in_plain_python():
    """There is no oplog to rewind."""
    with pytest.raises(RewindUnsupported):
        rewind(oplog_index())


def test_rewind_into_an_open_region_is_refused():
    """An open region runs again as a whole, whatever is jumped to inside it."""
    before = oplog_index()
    with atomic:
        inside = oplog_index()
        with pytest.raises(RegionError, match="still open"):
            rewind(inside)
        with pytest.raises(RewindUnsupported):
            rewind(before)


def test_commit_checks_its_argument():
    """DSL010 with the user's file is not possible for a call, the message names the argument."""
    with trace() as calls:
        oplog_commit()
        oplog_commit(3)
        with pytest.raises(MarkError, match="replicas"):
            oplog_commit(-1)

    assert [(1,), (3,)] == [c.args for c in calls]


def test_retry_policy_has_seconds_and_nanoseconds():
    """Both forms of a delay are there."""
    with trace():
        policy = retry_policy()

    assert (3, 0.1, 1.0, 3.0) == (policy.max_attempts, policy.min_delay, policy.max_delay, policy.multiplier)
    assert 100_000_000 == policy.min_delay_ns


def test_threads_have_settings_of_their_own():
    """A region in one thread does not change another."""
    seen = []

    def other():
        seen.append(durable_dsl.is_idempotent())

    with durable_dsl.non_idempotent:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()

    assert [True] == seen


def test_durable_trace_fixture(durable_trace):
    """The plugin's fixture is there without any configuration."""
    with atomic:
        pass

    assert ["mark-begin-operation", "mark-end-operation"] == [c.name for c in durable_trace]
