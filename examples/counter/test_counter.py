"""The counters in plain Python."""

from __future__ import annotations

import counter

from durable_dsl.testing import trace


def test_counters_of_one_name_share_their_value(monkeypatch):
    """State belongs to the name, not to the object."""
    monkeypatch.setattr(counter, "values", {})
    first, second = counter.Counter("a"), counter.Counter("a")
    first.increment(2)

    assert second.increment(3) == 5
    assert counter.total() == 5
    assert counter.Counter.names() == ["a"]


def test_increment_commits_after_its_region(monkeypatch):
    """The oplog is on disk before the caller hears of it."""
    monkeypatch.setattr(counter, "values", {})
    with trace() as calls:
        counter.Counter("a").increment(1)

    assert [call.name for call in calls] == ["mark-begin-operation", "mark-end-operation", "oplog-commit"]
