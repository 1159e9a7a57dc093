"""Regions in plain Python: which host calls they make, and in which order."""

from __future__ import annotations

import asyncio

import pytest

from durable_dsl import (
    Err,
    MarkError,
    PersistenceLevel,
    RegionError,
    RegionFailed,
    atomic,
    commit,
    idempotent,
    is_idempotent,
    non_idempotent,
    oplog_index,
    persist,
    persistence_level,
    retry,
    retry_policy,
)
from durable_dsl.binding.state import call, open_atomic_region
from durable_dsl.testing import trace, unwrap_failures


def names(calls):
    return [c.name for c in calls]


def test_atomic_block_begins_and_ends():
    """ATOMIC-1: a region that returns is ended with the index that its beginning gave."""
    with trace() as calls, atomic:
        assert open_atomic_region() == 3

    assert [("mark-begin-operation", (), 3), ("mark-end-operation", (3,), None)] == [
        (c.name, c.args, c.result) for c in calls
    ]
    assert open_atomic_region() is None


@pytest.mark.parametrize("block", [atomic, atomic()])
def test_atomic_works_bare_and_called(block):
    """A word may be written with or without parentheses."""
    with trace() as calls, block:
        pass

    assert ["mark-begin-operation", "mark-end-operation"] == names(calls)


def test_nested_atomic_regions_end_innermost_first():
    """ATOMIC-4: regions end in the reverse order of their beginning."""
    with trace() as calls, atomic, atomic:
        pass

    assert [(), (), (4,), (3,)] == [c.args for c in calls]


def test_domain_error_ends_the_region():
    """ATOMIC-2: a domain error is a normal outcome; the region ends and the error goes on."""
    with trace() as calls, pytest.raises(Err), atomic:
        raise Err("declined")

    assert ["mark-begin-operation", "mark-end-operation"] == names(calls)


@pytest.mark.guarantee("ATOMIC-3")
def test_failure_leaves_the_region_open_and_ends_the_instance():
    """ATOMIC-3: a failed region leaves no committed effects, whatever user code catches."""
    with trace() as calls, pytest.raises(RegionFailed) as caught:
        try:
            with atomic:
                raise ValueError("x")
        except Exception:  # noqa: BLE001
            pytest.fail("user code must not see the failure")

    assert ["mark-begin-operation"] == names(calls)
    assert isinstance(caught.value.__cause__, ValueError)
    assert call.regions == []


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
def test_every_other_exception_is_a_failure(failure):
    """ATOMIC-3 holds for cancellation and exits too."""
    with pytest.raises(RegionFailed), atomic:
        raise failure


def test_commit_on_adds_exception_types():
    """`commit_on` ends the region on its types, and still on domain errors."""
    with trace() as calls:
        with pytest.raises(KeyError), atomic(commit_on=LookupError):
            raise KeyError("x")
        with pytest.raises(Err), atomic(commit_on=(LookupError, OSError)):
            raise Err(1)

    assert ["mark-begin-operation", "mark-end-operation"] * 2 == names(calls)


def test_commit_on_nothing_leaves_domain_errors_open():
    """`commit_on=()`: not even a domain error ends the region."""
    with trace() as calls, pytest.raises(RegionFailed), atomic(commit_on=()):
        raise Err(1)

    assert ["mark-begin-operation"] == names(calls)


def test_err_is_a_failure_in_an_export_without_result():
    """The export being called decides which exceptions are domain errors."""
    call.domain_errors = ()
    try:
        with pytest.raises(RegionFailed), atomic:
            raise Err(1)
    finally:
        call.domain_errors = (Err,)


@pytest.mark.guarantee("SETTINGS-1")
@pytest.mark.parametrize("error", [None, Err(1), ValueError("x")])
def test_persist_restores_what_was_read(error):
    """PERSIST-1: the level read on the way in is set again on every way out of a block."""
    with trace() as calls:
        try:
            with persist("persist-remote-side-effects"), persist(level="persist-nothing"):
                assert persistence_level() is PersistenceLevel.PERSIST_NOTHING
                if error:
                    raise error
        except (Err, ValueError):
            pass

    levels = [c.args[0].value for c in calls if c.name == "set-oplog-persistence-level"]
    assert ["persist-remote-side-effects", "persist-nothing", "persist-remote-side-effects", "smart"] == levels


@pytest.mark.guarantee("SETTINGS-1")
@pytest.mark.parametrize("error", [None, Err(1), ValueError("x")])
def test_idempotence_restores_what_was_read(error):
    """IDEMPOTENCE-1: as PERSIST-1, for the idempotence mode."""
    with trace() as calls:
        try:
            with non_idempotent, idempotent():
                assert is_idempotent()
                if error:
                    raise error
        except (Err, ValueError):
            pass

    assert [False, True, False, True] == [c.args[0] for c in calls if c.name == "set-idempotence-mode"]


def test_retry_changes_only_what_is_given():
    """RETRY-1: what is left out keeps the value just read."""
    with trace() as calls:
        before = retry_policy()
        with retry(max_attempts=7, max_delay="2s"):
            inside = retry_policy()

    assert (7, before.min_delay_ns, 2_000_000_000, before.multiplier) == (
        inside.max_attempts,
        inside.min_delay_ns,
        inside.max_delay_ns,
        inside.multiplier,
    )
    assert before.max_attempts == [c for c in calls if c.name == "set-retry-policy"][-1].args[0].max_attempts


def test_retry_left_by_a_handled_exception_is_restored_before_the_next_word():
    """RETRY-2: the restore is pending, and done before the next call into the package."""
    with trace() as calls:
        try:
            with retry(max_attempts=9):
                raise ValueError
        except ValueError:
            pass
        assert ["get-retry-policy", "set-retry-policy"] == names(calls)
        oplog_index()

    assert ["get-retry-policy", "set-retry-policy", "set-retry-policy", "get-oplog-index"] == names(calls)
    assert 3 == calls[2].args[0].max_attempts


def test_retry_left_by_a_domain_error_is_restored_at_once():
    """RETRY-3: a domain error is a normal outcome."""
    with trace() as calls, pytest.raises(Err), retry(max_attempts=9):
        raise Err(1)

    assert [9, 3] == [c.args[0].max_attempts for c in calls if c.name == "set-retry-policy"]


@pytest.mark.guarantee("RETRY-3")
def test_pending_restore_is_never_done_when_its_exception_leaves_an_atomic_region():
    """RETRY-4: a failure is judged under the policy of the innermost retry region it left."""
    with trace() as calls, pytest.raises(RegionFailed), atomic, retry(max_attempts=9):
        raise ValueError

    assert ["mark-begin-operation", "get-retry-policy", "set-retry-policy"] == names(calls)
    assert call.pending == []


def test_pending_restore_is_not_done_for_an_exception_raised_from_it():
    """RETRY-4 holds for exceptions raised from the one that left the retry region, by `from` or in its handler."""
    with trace() as calls, pytest.raises(RegionFailed), atomic:
        try:
            with retry(max_attempts=9):
                raise ValueError
        except ValueError:
            raise KeyError("later") from None

    assert ["mark-begin-operation", "get-retry-policy", "set-retry-policy"] == names(calls)


def test_pending_restore_is_not_done_for_a_group_with_its_exception_inside():
    """RETRY-4 holds for what an asyncio.TaskGroup makes of the exception of a task."""
    with trace() as calls, pytest.raises(RegionFailed), atomic:
        failed = []
        try:
            with retry(max_attempts=9):
                raise ValueError
        except ValueError as error:
            failed.append(error)
        raise ExceptionGroup("tasks", failed)

    assert ["mark-begin-operation", "get-retry-policy", "set-retry-policy"] == names(calls)


def test_another_failure_restores_pending_policies_first():
    """RETRY-5: an exception that has nothing to do with the retry region is judged under the outer policy."""
    with trace() as calls, pytest.raises(RegionFailed), atomic:
        try:
            with retry(max_attempts=9):
                raise ValueError
        except ValueError:
            pass
        raise KeyError

    assert [9, 3] == [c.args[0].max_attempts for c in calls if c.name == "set-retry-policy"]
    assert "set-retry-policy" == calls[-1].name


@pytest.mark.parametrize(("error", "committed"), [(None, True), (Err(1), True), (ValueError(), False)])
def test_commit_follows_the_body_unless_it_failed(error, committed):
    """COMMIT-1: committed after a normal return or a domain error, not after a failure."""
    with trace() as calls:
        try:
            with commit(replicas=2):
                if error:
                    raise error
        except (Err, ValueError):
            pass

    assert ([("oplog-commit", (2,))] if committed else []) == [(c.name, c.args) for c in calls]


@pytest.mark.guarantee("RETRY-3")
def test_settings_die_with_the_instance():
    """After a failed region the stand-in starts over, so that one test's settings do not reach the next."""
    with pytest.raises(RegionFailed), persist("persist-nothing"), non_idempotent, atomic:
        raise ValueError

    assert persistence_level() is PersistenceLevel.SMART
    assert is_idempotent()


def test_no_host_call_follows_a_failed_region():
    """The instance ends at the innermost failed region: outer regions restore nothing."""
    with trace() as calls, pytest.raises(RegionFailed), persist("persist-nothing"), atomic:
        raise ValueError

    assert "mark-begin-operation" == calls[-1].name


@pytest.mark.guarantee("ATOMIC-5")
def test_interleaved_tasks_are_refused_before_any_host_call():
    """LIFO-1: a second task cannot open a region while another task's is open."""

    async def step():
        with persist("persist-nothing"):
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def both():
        await asyncio.gather(step(), step())

    with trace() as calls, pytest.raises(RegionError, match="another asyncio task"):
        asyncio.run(both())
    call.regions.clear()

    assert 1 == names(calls).count("get-oplog-persistence-level")


def test_tasks_may_open_regions_one_after_another():
    """LIFO-1 refuses overlap only."""

    async def step():
        with atomic:
            pass
        await asyncio.sleep(0)

    async def both():
        with atomic:
            await asyncio.gather(step(), step())

    with trace() as calls:
        asyncio.run(both())

    assert [(), (), (4,), (), (6,), (3,)] == [c.args for c in calls]


def test_region_left_while_a_child_tasks_region_is_open_is_refused():
    """LIFO-1: the other way round, the parent leaves first."""

    async def child():
        with atomic:
            await asyncio.sleep(3600)

    async def parent():
        with persist("smart"):
            task = asyncio.create_task(child())
            await asyncio.sleep(0)
            assert not task.done()

    with pytest.raises(RegionFailed) as caught:
        asyncio.run(parent())

    assert isinstance(caught.value.__cause__, RegionError)
    assert "opened later" in str(caught.value.__cause__)


def test_asyncio_inside_a_region_opened_outside_the_loop():
    """A region around asyncio.run encloses the regions inside the loop."""

    async def work():
        with persist("smart"):
            await asyncio.sleep(0)

    with trace() as calls, atomic:
        asyncio.run(work())

    assert "mark-end-operation" == calls[-1].name


def test_yield_inside_a_region_is_refused():
    """A region cannot be suspended in the middle."""

    def items():
        with atomic:
            yield 1

    with trace() as calls, pytest.raises(MarkError, match=r"test_regions.py:\d+: .*contains a yield"):
        list(items())

    assert [] == calls


def test_yield_beside_a_region_is_fine():
    """Only a yield inside the block is refused."""

    def items():
        with atomic:
            pass
        yield 1

    async def async_items():
        with atomic:
            await asyncio.sleep(0)
        yield 1

    async def collect():
        return [item async for item in async_items()]

    assert [1] == list(items())
    assert [1] == asyncio.run(collect())


def test_bare_retry_block_is_refused():
    """A bare retry changes nothing."""
    with pytest.raises(MarkError, match="DSL004"), retry:
        pass


def test_unwrap_failures_gives_the_cause():
    """A plain-Python test may be about the exception itself."""
    with pytest.raises(ValueError, match="inner"), unwrap_failures(), atomic:
        raise ValueError("inner")
