"""Entries, their rows, deleted regions, and what a log amounts to."""

from __future__ import annotations

import pytest

from durable_dsl.engine.oplog import entries, text
from durable_dsl.engine.oplog.entries import KINDS, entry_of
from durable_dsl.engine.oplog.regions import Regions
from durable_dsl.engine.oplog.summary import fold

EXAMPLES = [
    entries.Create("shop", 2, ("a",), (("K", "V"),), "parent"),
    entries.ExportedFunctionInvoked("place", '[{"id":"1"}]', "key"),
    entries.ExportedFunctionCompleted('{"ok":1}'),
    entries.ImportedFunctionInvoked("wall_clock::now", None, "1", "read-local"),
    entries.ImportedFunctionInvoked("get", "[1]", '"x"', "write-remote-batched", 7),
    entries.BeginRemoteWrite("charge"),
    entries.EndRemoteWrite(3),
    entries.BeginAtomicRegion(),
    entries.EndAtomicRegion(4),
    entries.NoOp(),
    entries.Jump(5, 9),
    entries.ChangeRetryPolicy({"max-attempts": 2}),
    entries.Suspend(17),
    entries.Suspend(),
    entries.Error("ValueError", "boo", "Traceback…", 4, True),
    entries.Interrupted(),
    entries.Exited(3),
    entries.PendingWorkerInvocation("place", "[]", "key"),
    entries.PendingUpdate(1, "automatic"),
    entries.PendingUpdate(1, "snapshot-based", "AA=="),
    entries.SuccessfulUpdate(1),
    entries.FailedUpdate(1, "divergence"),
    entries.CreateResource("cart", 0),
    entries.DropResource("cart", 0),
    entries.DescribeResource("cart", 0, '["bob"]'),
    entries.Log("stderr", "", "ünï\n"),
    entries.Revert(3, 9),
    entries.CancelPendingInvocation("key"),
    entries.Snapshot(2, 31, {"policy": {"max-attempts": 3}}),
]


def test_rows_give_entries_back():
    """Every kind survives the way to the database and back."""
    assert [entry_of(example.row()) for example in EXAMPLES] == EXAMPLES

    assert {example.kind for example in EXAMPLES} == set(KINDS)


def test_values_are_readable_json_and_exact():
    """Bytes are tagged, 64-bit integers exact, NaN equal to itself as text."""
    value = {"a": b"\x00\xff", "n": 2**64 - 1, "list": [1.5, None, "ü"]}

    assert text.encode(value) == '{"a":{"base64":"AP8="},"n":18446744073709551615,"list":[1.5,null,"ü"]}'
    assert text.decode(text.encode(value)) == value
    assert text.encode(float("nan")) == text.encode(float("nan"))


def test_overlapping_regions_merge():
    """Regions are disjoint ranges, whatever was added."""
    regions = Regions([(5, 7), (1, 2), (6, 9), (3, 3), (20, 21)])

    assert [(1, 3), (5, 9), (20, 21)] == list(regions)
    assert [index in regions for index in (0, 1, 4, 9, 10, 21)] == [False, True, False, True, False, True]


def test_the_end_after_an_index_is_that_of_the_region_starting_there():
    """Where a guest stands after a jump is the end of what the jump deleted."""
    regions = Regions([(5, 9)])

    assert [3, 9, 9, 9, 10] == [regions.end_after(index) for index in (3, 4, 7, 9, 10)]


def rows(*found):
    return [(index, *(entry.row()[at] for at in (0, 1, 6, 7))) for index, entry in enumerate(found, start=1)]


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (entries.Suspend(9), "suspended"),
        (entries.Interrupted(), "interrupted"),
        (entries.Exited(0), "exited"),
        (entries.Error("E", "m", "", 2, False), "retrying"),
        (entries.Error("E", "m", "", 2, True), "failed"),
        (entries.ExportedFunctionCompleted("1"), "idle"),
        (entries.NoOp(), "running"),
    ],
)
def test_status_follows_the_last_telling_entry(last, status):
    """The status is never stored, it is what the entries say."""
    summary = fold(rows(EXAMPLES[0], EXAMPLES[1], last))

    assert status == summary.status


def test_failures_are_counted_per_retry_point():
    """A jump between two failures at one point does not start the count anew."""
    failed = entries.Error("E", "m", "", 3, False)
    found = rows(
        EXAMPLES[0], EXAMPLES[1], entries.BeginAtomicRegion(), failed, entries.Jump(4, 5), entries.NoOp(), failed
    )

    assert {3: 2} == fold(found).failures


def test_a_revert_takes_entries_out_of_everything():
    """Neither status nor regions know of what was taken back."""
    failed = entries.Error("E", "m", "", 2, True)
    summary = fold(rows(EXAMPLES[0], EXAMPLES[1], entries.Jump(3, 3), failed, entries.Revert(2, 5)))

    assert "idle" == summary.status
    assert [(2, 5)] == list(summary.deleted)
    assert summary.underway is None


def test_ends_leave_out_deleted_progress():
    """After a jump the last progress is before what it deleted."""
    found = rows(
        EXAMPLES[0], EXAMPLES[1], entries.BeginAtomicRegion(), EXAMPLES[3], entries.Jump(4, 5), entries.Interrupted()
    )

    assert (6, 5, 2) == fold(found).ends
