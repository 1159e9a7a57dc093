"""An engine that breaks a promise is found out: each test breaks the engine in one place and has it caught.

The breakage is in this process, so crashes are simulated here.
"""

from __future__ import annotations

import pytest

from durable_dsl.engine.interfaces.golem.host import golem_host
from durable_dsl.engine.oplog.cursor import Cursor
from durable_dsl.engine.oplog.entries import BeginAtomicRegion, EndAtomicRegion, ImportedFunctionInvoked
from durable_dsl.engine.oplog.log import Oplog
from durable_dsl.testing import CrashFailure
from tests.crash import recorder
from tests.crash.test_programs import same_but_for_counts, warmed_up

REGION = [["atomic", [["write", "a"], ["write", "b"]]], ["write", "c"]]
ONCE = [["once", [["write", "a"]]], ["write", "b"]]
PLAIN = [["write", "a"], ["write", "b"]]


def caught(recorded, program, **options):
    """What the driver says about the broken engine."""
    options.setdefault("same", same_but_for_counts)
    with pytest.raises(CrashFailure) as raised:
        recorded.run(program, setup=warmed_up, real=0, **options)
    return str(raised.value)


def begin_without_repeating(host):
    """`mark-begin-operation` of an engine that takes an open region for a closed one."""
    if host.cursor.live:
        index = host.log.append(BeginAtomicRegion())
    else:
        index = host.cursor.take(BeginAtomicRegion.kind)[0]
    host.regions.append(index)
    return index


def test_an_open_region_that_is_not_repeated_whole(recorded, monkeypatch):
    """Replay goes on inside a region that has no end: what is recorded of it is not done again."""
    monkeypatch.setitem(golem_host.functions, "mark-begin-operation", begin_without_repeating)

    assert "region 17 was open, but what was on disk of it was not done again: entries [18]" in caught(recorded, REGION)


def test_a_region_whose_end_is_not_written(recorded, monkeypatch):
    """The result is right, and the next recovery would do it all again."""
    written, runs = Oplog.append, []

    def append(log, entry):
        return log.last if isinstance(entry, EndAtomicRegion) and len(runs) > 1 else written(log, entry)

    monkeypatch.setattr(Oplog, "append", append)

    assert "was never ended" in caught(recorded, REGION, before_each=lambda: runs.append(1))


@pytest.mark.guarantee("WRITE-4")
def test_a_write_that_is_not_on_disk_before_its_answer(recorded, monkeypatch):
    """The commit of a remote write is left for later."""
    committed = Oplog.commit

    def commit(log):
        if not log._buffer or log._buffer[-1][2].kind != "imported-function-invoked":
            committed(log)

    monkeypatch.setattr(Oplog, "commit", commit)
    with pytest.raises(AssertionError, match=r"already without a crash: .* had to be on disk"):
        recorded.run(PLAIN, setup=warmed_up)


@pytest.mark.guarantee("WRITE-4")
def test_a_write_that_is_sent_twice(recorded, monkeypatch):
    """`non_idempotent` is not kept: the engine forgets that the write was begun."""
    monkeypatch.setattr(Cursor, "ended", lambda cursor, begin: True)
    said = caught(recorded, ONCE)

    assert "its outcome is not known, but the caller got" in said or "recovery broke" in said


def test_effects_that_are_repeated_without_need(recorded, monkeypatch):
    """What is on record is asked for again."""
    recorded_value = Cursor.imported

    def imported(cursor, name, request, *rest):
        if name == recorder.WRITE:
            recorder._count(request.strip('"'))
        return recorded_value(cursor, name, request, *rest)

    monkeypatch.setattr(Cursor, "imported", imported)
    said = caught(recorded, PLAIN)

    assert "effects were repeated: {'a': 1} more than the usual {'a': 1, 'b': 1}" in said


@pytest.mark.guarantee("WRITE-4")
def test_effects_that_are_lost(recorded, monkeypatch):
    """A record is on disk before the effect: a crash between the two loses the effect."""
    performed = recorder.recorder.functions["write"]

    def write(host, label):
        if host.recording:
            count = recorder.log(recorder.file()).count(label) + 1
            host.log.append(ImportedFunctionInvoked(recorder.WRITE, f'"{label}"', str(count), "write-remote"))
            host.log.commit()
            return recorder._count(label)
        return performed(host, label)

    monkeypatch.setitem(recorder.recorder.functions, "write", write)

    assert "effects are missing: {'a': 1} of {'a': 1, 'b': 1}" in caught(recorded, PLAIN)


def test_a_history_that_is_rewritten(recorded, monkeypatch):
    """Recovery takes out what a jump deletes, where it has to stay."""
    jumped = Oplog.append_jump

    def append_jump(log, start):
        jump = jumped(log, start)

        def work(connection):
            connection.execute(
                "DELETE FROM entry WHERE worker = ? AND idx BETWEEN ? AND ?", (log.worker, start, jump.end - 1)
            )

        log.store.transaction(work)
        return jump

    monkeypatch.setattr(Oplog, "append_jump", append_jump)

    assert "is not what it was at the crash" in caught(recorded, REGION)


def test_a_failure_says_where_and_how_to_run_it_alone(recorded, monkeypatch):
    """The oplog around the crash, what was lost, and a call that fails in the same way."""
    monkeypatch.setitem(golem_host.functions, "mark-begin-operation", begin_without_repeating)
    with pytest.raises(CrashFailure) as raised:
        recorded.run(REGION, setup=warmed_up, same=same_but_for_counts, real=0)
    report = raised.value.report
    wrong = [one for one in report.tried if one.wrong is not None]
    said = str(raised.value)

    assert len(wrong) == len(report.failures) > 3
    first = wrong[0].point
    assert f'crash_driver.run(…, only="{first}", real=False)' in said
    assert "after recovery:" in said
    assert "the last entry that the crash left" in said
    assert "crash::write" in said
    assert f"and {len(wrong) - 3} more: " in said
    with pytest.raises(CrashFailure) as alone:
        recorded.run(REGION, setup=warmed_up, same=same_but_for_counts, only=first, real=0)

    assert [first] == [one.point for one in alone.value.report.tried]
