"""Regions, modes, policies and jumps, as golem:api/host promises them."""

from __future__ import annotations

import pytest

from durable_dsl.engine.clock import SkippingClock
from durable_dsl.engine.errors import InvocationError
from tests.engine.programs import Shown, kinds, opened, program, worker


def printed(tmp_path, source, **options):
    shown = Shown()
    with opened(tmp_path, output=shown, **options) as engine:
        one = worker(engine)
        try:
            result = one.invoke("run", program(source))
        except InvocationError as error:
            result = error
        return shown.text.split(), result, one.oplog(), kinds(one)


@pytest.mark.guarantee("ATOMIC-1")
def test_a_failed_atomic_region_is_repeated_as_a_whole(tmp_path):
    """Everything in it is done again, what was before it is not; a jump deletes each failed attempt."""
    source = """
        print("before")
        first = host.get_oplog_index()
        begin = host.mark_begin_operation()
        print("one")
        host.generate_idempotency_key()
        print("two")
        if host.get_oplog_index() < first + 20:
            raise ValueError("again")
        host.mark_end_operation(begin)
        print("after")
        result = "done"
    """
    words, result, oplog, _ = printed(tmp_path, source)

    attempts = words.count("one")
    assert attempts > 1
    assert (["before", *["one", "two"] * attempts, "after"], "done") == (words, result)
    assert attempts - 1 == sum(record.kind == "jump" for record in oplog)


@pytest.mark.guarantee("RETRY-2")
def test_a_region_that_always_fails_is_given_up_after_the_policy(tmp_path):
    """Three retries by default, counted per region although each attempt writes entries."""
    source = """
        host.generate_idempotency_key()
        begin = host.mark_begin_operation()
        print("in")
        host.generate_idempotency_key()
        raise ValueError("always")
    """
    words, result, oplog, _ = printed(tmp_path, source)

    assert ["in"] * 4 == words
    assert ("ValueError", "failed") == (result.type, result.status)
    errors = [record.entry for record in oplog if record.kind == "error"]
    assert [False, False, False, True] == [error.final for error in errors]
    begin = next(record.index for record in oplog if record.kind == "begin-atomic-region")
    assert {begin} == {error.retry_from for error in errors}
    assert 3 == sum(record.kind == "jump" for record in oplog)


@pytest.mark.guarantee("KEY-1")
def test_keys_inside_a_region_are_the_same_on_each_attempt(tmp_path):
    """So that a repeated request can be recognised; two in one attempt differ."""
    source = """
        begin = host.mark_begin_operation()
        for _ in range(2):
            key = host.generate_idempotency_key()
            print(f"{key.high_bits:x}")
        raise ValueError("always")
    """
    words, *_ = printed(tmp_path, source)

    assert words == words[:2] * 4
    assert words[0] != words[1]


@pytest.mark.guarantee("RETRY-4")
def test_outside_regions_a_retry_only_replays(tmp_path):
    """What was recorded is not done again; what was printed is not printed again."""
    source = """
        print("start")
        host.generate_idempotency_key()
        print("middle")
        raise ValueError("always")
    """
    words, _, _, found = printed(tmp_path, source)

    assert ["start", "middle"] == words
    assert 1 == found.count("golem api::generate_idempotency_key")
    assert 4 == found.count("error")


@pytest.mark.guarantee("RETRY-1")
def test_the_policy_says_how_often_and_how_late(tmp_path):
    """max-attempts M gives M + 1 runs; the k-th retry waits min-delay x multiplier^(k-1), at most max-delay."""
    clock = SkippingClock()
    source = """
        host.set_retry_policy(host.RetryPolicy(max_attempts=4, min_delay=10**9, max_delay=3 * 10**9, multiplier=2.0))
        begin = host.mark_begin_operation()
        print("in")
        raise ValueError("always")
    """
    words, _, oplog, _ = printed(tmp_path, source, clock=clock)

    assert ["in"] * 5 == words
    failed = [record.time for record in oplog if record.kind == "error"]
    begun = [record.time for record in oplog if record.kind == "jump"]  # a region that is done again
    waits = [(again - before) / 1e9 for before, again in zip(failed, begun, strict=False)]
    assert 4 == len(waits)
    assert all(least <= wait < least + 0.9 for least, wait in zip([1, 2, 3, 3], waits, strict=True)), waits
    assert 1 == sum(record.kind == "change-retry-policy" for record in oplog)


def test_getters_give_what_was_set(tmp_path):
    """Level, mode and policy, unrecorded, with their defaults."""
    source = """
        first = host.get_oplog_persistence_level(), host.get_idempotence_mode(), host.get_retry_policy()
        host.set_oplog_persistence_level(host.PersistenceLevel_PersistRemoteSideEffects())
        host.set_idempotence_mode(False)
        result = first, host.get_oplog_persistence_level(), host.get_idempotence_mode()
    """
    _, result, _, found = printed(tmp_path, source)

    assert (
        "((PersistenceLevel_Smart(), True, RetryPolicy(max_attempts=3, min_delay=100000000, max_delay=1000000000, "
        "multiplier=3.0)), PersistenceLevel_PersistRemoteSideEffects(), False)"
    ) == result
    assert [] == found[2:-1]


@pytest.mark.guarantee("PERSIST-1")
def test_a_persist_nothing_zone_is_performed_again_by_each_recovery(tmp_path):
    """Nothing of it is recorded; what comes after it is."""
    source = """
        host.set_oplog_persistence_level(host.PersistenceLevel_PersistNothing())
        inside = random.get_random_u64()
        host.set_oplog_persistence_level(host.PersistenceLevel_Smart())
        after = random.get_random_u64()
        state["seen"] = inside, after
    """
    shown = Shown()
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", program(source))
        assert ["golem random::get_random_u64"] == kinds(one)[2:-1]
        first = one.invoke("run", "result = state['seen']").strip("()").split(", ")
    with opened(tmp_path, output=shown) as engine:
        second = worker(engine).invoke("run", "result = state['seen']").strip("()").split(", ")

    assert first[0] != second[0]
    assert first[1] == second[1]
    assert "warning: worker w: oplog entry" in shown.text  # the recorded result of the first question is another one


def test_after_a_zone_other_arguments_are_a_warning(tmp_path):
    """What was performed again may ask differently; another call than the recorded one is still a divergence."""
    source = """
        host.set_oplog_persistence_level(host.PersistenceLevel_PersistNothing())
        length = 1 + random.get_random_u64() % 250
        host.set_oplog_persistence_level(host.PersistenceLevel_Smart())
        state["seen"] = random.get_random_bytes(length)
    """
    shown = Shown()
    with opened(tmp_path, output=shown) as engine:
        one = worker(engine)
        for _ in range(2):
            one.invoke("run", program(source))
    with opened(tmp_path, output=shown) as engine:
        worker(engine).resume()

    assert "recorded golem random::get_random_bytes" in shown.text


def test_a_jump_deletes_and_repeats(tmp_path):
    """set-oplog-index goes back to a marker; the second time round the program goes on."""
    source = """
        print("start")
        marker = host.get_oplog_index()
        print("round")
        here = host.get_oplog_index()
        if here == marker + 3:
            host.set_oplog_index(marker)
        result = "done"
    """
    words, result, oplog, _ = printed(tmp_path, source)

    assert (["start", "round", "round"], "done") == (words, result)
    assert [record.kind for record in oplog if record.deleted] == ["log", "log", "no-op", "jump"]


def test_jumping_to_one_marker_several_times(tmp_path):
    """Allowed; each jump's region covers the ones before."""
    source = """
        marker = host.get_oplog_index()
        print("round")
        if host.get_oplog_index() < marker + 12:
            host.set_oplog_index(marker)
    """
    words, _, oplog, _ = printed(tmp_path, source)

    jumps = [record.entry for record in oplog if record.kind == "jump"]
    assert len(jumps) >= 2
    assert 1 == len({jump.start for jump in jumps})
    assert len(words) == len(jumps) + 1


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("host.set_oplog_index(999)", "the oplog has"),
        ("host.set_oplog_index(1)", "not part of the history of this invocation"),
        ("b = host.mark_begin_operation(); host.set_oplog_index(b)", "atomic region begun at"),
    ],
)
def test_jumps_that_cannot_be(tmp_path, source, said):
    """Refused at once, without retries."""
    _, result, oplog, _ = printed(tmp_path, source)

    assert said in result.message
    assert 1 == sum(record.kind == "error" for record in oplog)


def test_committing_to_more_replicas_than_there_are(tmp_path):
    """There is one; asking for more waits for no others."""
    _, result, _, _ = printed(tmp_path, "host.oplog_commit(200); result = 'on disk'")

    assert "on disk" == result


@pytest.mark.guarantee("WRITE-2")
def test_an_unfinished_write_with_idempotence_off_is_never_sent_again(tmp_path):
    """Begun and not ended: the worker fails at once and says which call."""
    source = "host.set_idempotence_mode(False); host.generate_idempotency_key(); result = 1"
    with opened(tmp_path) as engine:
        one = worker(engine)
        one.invoke("run", source, idempotency_key="k")
        begun = ["begin-remote-write", "golem api::generate_idempotency_key", "end-remote-write"]
        assert begun == kinds(one)[2:-1]
        begin = next(record.index for record in one.oplog() if record.kind == "begin-remote-write")
        database = engine.store.path
        identity = one.id
    import sqlite3

    with sqlite3.connect(database) as connection:  # as after a kill between the begin and the end
        connection.execute("DELETE FROM entry WHERE worker = ? AND idx > ?", (identity, begin))
    with opened(tmp_path) as engine:
        one = worker(engine)
        with pytest.raises(InvocationError, match=r"generate_idempotency_key.*not sent again") as raised:
            one.invoke("run", source, idempotency_key="k")

        assert ("NonIdempotentWriteUnfinished", "failed") == (raised.value.type, one.status)
        assert 1 == kinds(one).count("error")


@pytest.mark.guarantee("ATOMIC-4")
def test_a_committed_inner_region_of_an_unfinished_outer_one_is_done_again(tmp_path):
    """The outermost unfinished region decides how far back it goes."""
    source = """
        outer = host.mark_begin_operation()
        print("outer")
        inner = host.mark_begin_operation()
        print("inner")
        host.mark_end_operation(inner)
        raise ValueError("always")
    """
    words, *_ = printed(tmp_path, source)

    assert ["outer", "inner"] * 4 == words
