"""Transactions in plain Python: what is undone, when, in which order, and what is refused."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest

from durable_dsl import (
    Err,
    MarkError,
    RegionError,
    RegionFailed,
    RewindUnsupported,
    TransactionFailed,
    TransactionStep,
    atomic,
    export,
    operation,
    oplog_index,
    persist,
    retry,
    rewind,
    transaction,
)
from durable_dsl.marks.marked import below_marks
from durable_dsl.testing import trace

BEGIN, END, INDEX, JUMP = "mark-begin-operation", "mark-end-operation", "get-oplog-index", "set-oplog-index"
READ_POLICY, SET_POLICY = "get-retry-policy", "set-retry-policy"


class Declined(Exception):
    """A step says no."""


@pytest.fixture(autouse=True)
def log():
    """What the world outside sees, in order."""
    WORLD.clear()
    BROKEN.clear()
    yield WORLD
    WORLD.clear()


WORLD: list[str] = []
BROKEN: set[str] = set()


def note(what):
    if what in BROKEN:
        raise Declined(what)
    WORLD.append(what)


def undo_step(result, label, size=1):
    note(f"undo {label} {result} {size}")


@operation(compensate=undo_step)
def step(label, size=1):
    note(label)
    return label.upper()


@transaction
def both(*labels):
    """Some steps."""
    return [step(label) for label in labels]


def test_all_of_it(log):
    """A transaction that succeeds gives its result and undoes nothing."""
    assert ["A", "B"] == both("a", "b")
    assert ["a", "b"] == log


@pytest.mark.guarantee("TRANSACTION-1")
def test_undone_newest_first_with_input_and_result(log):
    """Each undo gets the result and the input, defaults filled in."""
    BROKEN.add("c")
    with pytest.raises(TransactionFailed) as failed:
        both("a", "b", "c")

    assert ["a", "b", "undo b B 1", "undo a A 1"] == log
    assert isinstance(failed.value.cause, Declined)
    assert failed.value.__cause__ is failed.value.cause
    assert ["b", "a"] == [each.arguments[0] for each in failed.value.undone]
    assert () == failed.value.not_undone


@pytest.mark.guarantee("TRANSACTION-2")
def test_an_undo_that_raises_is_noted_and_the_others_run(log):
    """The error names what is left, with what its undo raised."""
    BROKEN.update({"c", "undo b B 1"})
    with pytest.raises(TransactionFailed) as failed:
        both("a", "b", "c")

    assert ["a", "b", "undo a A 1"] == log
    assert ["a"] == [each.arguments[0] for each in failed.value.undone]
    (left,) = failed.value.not_undone
    assert ("step", ("b", 1), "B") == (left.operation, left.arguments, left.result)
    assert isinstance(left.error, Declined)
    assert str(failed.value).splitlines() == [
        "the transaction failed: Declined: c",
        "undone: step('a', 1) -> 'A'",
        "not undone: step('b', 1) -> 'B' (Declined: undo b B 1)",
    ]


def test_the_failure_survives_pickling():
    """As every public exception does."""
    step = TransactionStep("charge", ("o-1",), {"cents": 5}, "c-1", ValueError("no"))
    failed = pickle.loads(pickle.dumps(TransactionFailed(Declined("x"), (step,), (step,))))

    assert "charge('o-1', cents=5) -> 'c-1' (ValueError: no)" == str(failed.not_undone[0])
    assert isinstance(failed.__cause__, Declined)


def test_a_value_that_cannot_be_shown_does_not_hide_the_failure():
    """A repr that raises is told by its type."""

    class Rude:
        def __repr__(self):
            raise ValueError

    assert "f(<Rude, whose repr raises ValueError>) -> None" == str(TransactionStep("f", (Rude(),)))
    assert 80 > len(str(TransactionStep("f", ("x" * 1000,))))


def test_a_domain_error_undoes_too(log):
    """Err that leaves the body is a failure of the transaction."""

    @transaction
    def refuse():
        step("a")
        raise Err("sold out")

    with pytest.raises(TransactionFailed) as failed:
        refuse()

    assert isinstance(failed.value.cause, Err)
    assert ["a", "undo a A 1"] == log


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, GeneratorExit, RegionFailed])
def test_what_stops_a_program_undoes_nothing(log, stop):
    """It only says what is left."""

    @transaction
    def stopped():
        step("a")
        raise stop

    with pytest.raises(stop) as stopping:
        stopped()

    assert ["a"] == log
    assert ["not undone: step('a', 1) -> 'A'"] == stopping.value.__notes__
    assert ["B"] == both("b")


def test_a_stop_inside_an_undo_ends_the_undoing(log):
    """The undo that it came in, and those that had not run, are said."""

    def stop(_result, _label):
        raise KeyboardInterrupt

    @operation(compensate=stop)
    def first(label):
        return label

    @transaction
    def stopped():
        first("x")
        first("y")
        step("a")
        raise Declined

    with pytest.raises(KeyboardInterrupt) as stopping:
        stopped()

    names = [line.partition(": ")[2] for line in stopping.value.__notes__]
    assert ["first('y') -> 'y'", "first('x') -> 'x'"] == [name.rpartition(".")[2] for name in names]
    assert ["a", "undo a A 1"] == log


def test_blocks(log):
    """`with transaction:` and `with transaction():` do the same, and what was a result stays one."""
    with transaction:
        step("a")
    BROKEN.add("c")
    with pytest.raises(TransactionFailed), transaction():
        step("b")
        step("c")

    assert ["a", "b", "undo b B 1"] == log


def test_an_operation_outside_of_transactions_just_runs(log):
    """Nobody keeps it, and a failing transaction afterwards knows nothing of it."""
    step("a")
    with pytest.raises(TransactionFailed), transaction:
        raise Declined

    assert ["a"] == log


@pytest.mark.guarantee("TRANSACTION-3")
def test_a_nested_transaction_that_succeeds_is_the_outer_one_s(log):
    """Its steps are undone with the outer ones, newest first."""
    with pytest.raises(TransactionFailed) as failed, transaction:
        step("a")
        both("b", "c")
        step("d")
        raise Declined

    assert ["a", "b", "c", "d", "undo d D 1", "undo c C 1", "undo b B 1", "undo a A 1"] == log
    assert 4 == len(failed.value.undone)


@pytest.mark.guarantee("TRANSACTION-3")
def test_a_nested_transaction_that_fails_may_be_caught(log):
    """It undoes its own part; the outer one may go on."""
    BROKEN.add("c")
    with transaction:
        step("a")
        with pytest.raises(TransactionFailed):
            both("b", "c")
        step("d")

    assert ["a", "b", "undo b B 1", "d"] == log


def test_what_a_nested_transaction_could_not_undo_is_named_by_the_outer_one(log):
    """Also where the body caught the inner failure and raised another."""
    BROKEN.update({"c", "undo b B 1"})
    with pytest.raises(TransactionFailed) as failed, transaction:
        step("a")
        try:
            both("b", "c")
        except TransactionFailed:
            raise Declined from None

    assert ["a"] == [each.arguments[0] for each in failed.value.undone]
    assert ["b"] == [each.arguments[0] for each in failed.value.not_undone]


def test_an_operation_covers_those_inside_it(log):
    """Once it has returned its own undo stands for all of it; while it runs, its parts do."""

    @operation(compensate=lambda result, fails: note(f"undo {result}"))
    def whole(fails=False):
        both("a", "b")
        step("c")
        if fails:
            raise Declined
        return "whole"

    with pytest.raises(TransactionFailed), transaction:
        whole()
        raise Declined
    assert ["a", "b", "c", "undo whole"] == log
    log.clear()
    with pytest.raises(TransactionFailed), transaction:
        whole(fails=True)
    assert ["a", "b", "c", "undo c C 1", "undo b B 1", "undo a A 1"] == log


def test_what_an_undo_calls_is_no_step(log):
    """Operations and transactions inside an undo just run, and fail as they do anywhere."""

    def undo_by_steps(_result):
        both("x", "y")
        step("z")

    @operation(compensate=undo_by_steps)
    def first():
        note("first")

    with pytest.raises(TransactionFailed) as failed, transaction:
        first()
        raise Declined
    assert ["first", "x", "y", "z"] == log
    assert 1 == len(failed.value.undone)

    log.clear()
    BROKEN.add("y")
    with pytest.raises(TransactionFailed) as failed, transaction:
        first()
        raise Declined
    assert ["first", "x", "undo x X 1"] == log
    assert isinstance(failed.value.not_undone[0].error, TransactionFailed)


class Desk:
    """Operations in all the places where a function can stand."""

    def __init__(self, name):
        self.name = name

    def undo(self, result, label, *, size=1):
        note(f"undo {self.name} {result} {label} {size}")

    @operation(compensate=undo)
    def step(self, label, *, size=1):
        """A step."""
        note(f"{self.name} {label}")
        return label.upper()

    @classmethod
    def undo_class(cls, result, label):
        note(f"undo {cls.__name__} {result} {label}")

    @operation(compensate=undo_class)
    @classmethod
    def outside(cls, label):
        note(f"{cls.__name__} {label}")
        return 1

    @classmethod
    @operation(compensate=undo_class)
    def inside(cls, label):
        note(f"{cls.__name__} {label}")
        return 2

    @operation(compensate=undo_step)
    @staticmethod
    def static(label, size=1):
        note(f"static {label}")
        return 3

    @staticmethod
    @operation(compensate=undo_step)
    def static_too(label, size=1):
        note(f"static {label}")
        return 4

    @transaction
    def all(self):
        self.step("a", size=2)
        Desk.step(self, "b")
        self.outside("c")
        Desk.inside("d")
        self.static("e")
        Desk.static_too("f", size=3)
        raise Declined

    @classmethod
    @transaction
    def all_class(cls):
        cls.inside("a")
        raise Declined

    @transaction
    @staticmethod
    def all_static():
        Desk.static("a")
        raise Declined


def test_methods(log):
    """The undo of a method gets the object first, the undo of a class method the class."""
    with pytest.raises(TransactionFailed) as failed:
        Desk("desk").all()

    assert log[6:] == [
        "undo f 4 3",
        "undo e 3 1",
        "undo Desk 2 d",
        "undo Desk 1 c",
        "undo desk B b 1",
        "undo desk A a 2",
    ]
    assert "Desk.step('a', size=2) -> 'A'" == str(failed.value.undone[-1])
    for call in (Desk.all_class, Desk.all_static):
        log.clear()
        with pytest.raises(TransactionFailed):
            call()
        assert 2 == len(log)


def test_decorated_functions_stay_what_they_were():
    """Name, docstring, signature; they pickle and copy by name."""
    assert ("step", "A step.") == (Desk.step.__name__, Desk.step.__doc__)
    assert ("both", "Some steps.") == (both.__name__, both.__doc__)
    assert below_marks(Desk.all) is not Desk.all.__wrapped__
    assert pickle.loads(pickle.dumps(Desk.outside)) == Desk.outside
    for function in (step, both):
        assert pickle.loads(pickle.dumps(function)) is function is copy.deepcopy(function)


def undo_nothing():
    """Takes too little."""


async def undo_async(result, label):
    """A coroutine."""


def undo_generator(result, label):
    """Does nothing when called."""
    yield


def undo_too_much(result, label, other):
    """Takes too much."""


@pytest.mark.guarantee("TRANSACTION-4")
@pytest.mark.parametrize(
    ("undo", "message"),
    [
        (undo_nothing, r"cannot be called with its result and its input: too many positional arguments"),
        (undo_too_much, r"missing a required argument: 'other'"),
        (undo_async, r"compensate of .*charge is a coroutine"),
        (undo_generator, r"compensate of .*charge is a generator"),
        (7, r"compensate of .*charge is 7, which cannot be called"),
    ],
)
def test_an_undo_that_does_not_fit_is_refused(undo, message):
    """When the decorator runs, with file and line and what to write."""
    with pytest.raises(MarkError, match=message) as refused:

        @operation(compensate=undo)
        def charge(label):
            """Never called."""

    assert "DSL702" == refused.value.code
    assert __file__ == refused.value.file
    if undo in {undo_nothing, undo_too_much}:
        assert f"write def {undo.__name__}(result, label)" == refused.value.hint


def test_an_undo_that_takes_no_rest_is_refused():
    """Where the operation takes any number of arguments the undo must too."""
    with pytest.raises(MarkError, match="fixed number of arguments"):
        operation(compensate=lambda result, *, cents: None)(lambda *lines, cents: None)
    operation(compensate=lambda result, *lines, cents: None)(lambda *lines, cents: None)


def test_words_in_the_wrong_place_are_refused():
    """No compensate, a class, a generator, a wrong argument."""
    with pytest.raises(MarkError, match="without compensate"):
        operation(step)
    with pytest.raises(MarkError, match="without compensate"):
        operation()
    for word in (transaction, operation(compensate=undo_step)):
        with pytest.raises(MarkError, match="not a function"):
            word(Desk)
        with pytest.raises(MarkError, match="a generator"):
            word(undo_generator)
        with pytest.raises(MarkError, match="above @export"):
            word(export(undo_too_much))
    with pytest.raises(MarkError, match="retry is 3"):
        transaction(retry=3)
    assert transaction(retry=False) is transaction


def test_a_step_that_cannot_be_called_does_nothing(log):
    """Arguments that do not fit are found before the operation runs."""
    with pytest.raises(TransactionFailed, match="TypeError"), transaction:
        step()
    assert [] == log


def test_a_plain_function_that_gives_a_coroutine_is_refused():
    """It has done nothing yet, and would look finished."""

    async def later(label):
        note(label)

    def plain(label):
        return later(label)

    hidden = operation(compensate=undo_step)(plain)
    with pytest.raises(TransactionFailed, match="gives a coroutine, which has not run yet"), transaction:
        hidden("a")


# Regions


@pytest.mark.guarantee("TRANSACTION-5")
def test_an_atomic_region_inside_ends_on_any_exception(log):
    """The failure is on record before the first undo runs."""

    @operation(compensate=undo_step)
    @atomic
    def charge(label):
        note(label)
        raise Declined

    with trace() as calls, pytest.raises(TransactionFailed), transaction:
        step("a")
        charge("b")

    assert [BEGIN, END] == [call.name for call in calls]
    assert ["a", "b", "undo a A 1"] == log


def test_an_atomic_undo_ends_too(log):
    """An undo that fails is on record before the next one runs."""

    @atomic
    def undo(result, label):
        raise Declined

    @operation(compensate=undo)
    def first(label):
        note(label)

    with trace() as calls, pytest.raises(TransactionFailed) as failed, transaction:
        step("a")
        first("b")
        raise Declined

    assert [BEGIN, END] == [call.name for call in calls]
    assert 1 == len(failed.value.not_undone) == len(failed.value.undone)
    assert ["a", "b", "undo a A 1"] == log


def test_a_region_that_ends_on_nothing_ends_the_instance(log):
    """`commit_on=()` says so, inside a transaction too; what is left is noted."""
    with pytest.raises(RegionFailed) as ended, transaction:
        step("a")
        with atomic(commit_on=()):
            raise Declined
    assert ["a"] == log
    assert ["not undone: step('a', 1) -> 'A'"] == ended.value.__cause__.__notes__


def test_outside_of_transactions_a_failed_region_still_ends_the_instance():
    """The rule is for transactions alone, and ends with them."""
    both("a")
    with pytest.raises(RegionFailed), atomic:
        raise Declined


@pytest.mark.guarantee("TRANSACTION-6")
@pytest.mark.parametrize(
    ("region", "message"),
    [(atomic, "inside an atomic region"), (persist("persist-nothing"), "in a persist-nothing zone")],
)
def test_a_transaction_where_nothing_is_on_record_is_refused(log, region, message):
    """Before anything is done."""

    def inside():
        with region:
            try:
                both("a")
            except RegionError as error:
                return str(error)

    assert message in inside()
    assert [] == log


def test_a_zone_with_another_level_inside_is_fine(log):
    """The innermost level counts."""
    with persist("persist-nothing"), persist("smart"):
        both("a")
    with transaction, persist("persist-nothing"), pytest.raises(RegionError):
        step("b")
    assert ["a"] == log


@pytest.mark.parametrize("word", [atomic, persist("persist-nothing")])
def test_a_region_s_mark_above_a_transaction_is_refused(word):
    """When the decorator runs; below it they are fine."""
    with pytest.raises(MarkError, match="above @transaction") as refused:
        word(both)
    with pytest.raises(MarkError, match="above @transaction"):
        word(operation(compensate=lambda result, *labels: None)(both))

    assert "DSL701" == refused.value.code
    transaction(atomic(lambda: None))()
    persist("smart")(both)("a")


def test_a_policy_that_a_failure_left_is_restored_before_the_first_undo():
    """The transaction handles the failure, so the policy around it is in force again."""

    @transaction
    def failing():
        with retry(max_attempts=9):
            raise Declined

    with trace() as calls, pytest.raises(TransactionFailed):
        failing()
    assert [READ_POLICY, SET_POLICY, SET_POLICY] == [call.name for call in calls]


# Rewinding


@pytest.mark.guarantee("TRANSACTION-7")
def test_a_rewind_that_would_forget_finished_steps_is_refused():
    """Their effects would be there, and nobody would undo them."""
    before = oplog_index()
    with transaction:
        with pytest.raises(RewindUnsupported):
            rewind(before)
        inside = oplog_index()
        step("a")
        for index in (before, inside):
            with pytest.raises(RegionError, match="finished operations of a transaction"):
                rewind(index)
        with pytest.raises(RewindUnsupported):
            rewind(oplog_index())
    with pytest.raises(RewindUnsupported):
        rewind(before)


# Trying again


def quick(function):
    return retry(max_attempts=2, min_delay=0)(function)


@pytest.mark.guarantee("TRANSACTION-8")
def test_it_is_tried_again_until_it_succeeds(log):
    """Undone each time, and started anew."""
    failures = iter([True, True, False])

    @quick
    @transaction(retry=True)
    def flaky():
        step("a")
        if next(failures):
            raise Declined
        return "done"

    assert "done" == flaky()
    assert ["a", "undo a A 1", "a", "undo a A 1", "a"] == log


@pytest.mark.guarantee("TRANSACTION-8")
def test_it_ends_when_the_attempts_are_used_up(log):
    """As many retries as the policy in force says."""

    @quick
    @transaction(retry=True)
    def hopeless():
        step("a")
        raise Declined

    with pytest.raises(TransactionFailed):
        hopeless()
    assert ["a", "undo a A 1"] * 3 == log


def test_it_ends_when_an_undo_failed(log):
    """Starting anew on top of what is left would do it twice."""
    BROKEN.add("undo a A 1")

    @quick
    @transaction(retry=True)
    def hopeless():
        step("a")
        raise Declined

    with pytest.raises(TransactionFailed) as failed:
        hopeless()
    assert 1 == len(failed.value.not_undone)
    assert ["a"] == log


def test_host_calls_of_an_attempt():
    """Two indices on the way in; on a failure the policy, and the jump where another attempt follows."""

    @transaction(retry=True)
    def once(fails):
        if fails:
            raise Declined

    with trace() as calls:
        once(False)
    assert [INDEX, INDEX] == [call.name for call in calls]
    with retry(max_attempts=0), trace() as calls, pytest.raises(TransactionFailed):
        once(True)
    assert [INDEX, INDEX, READ_POLICY] == [call.name for call in calls]
    with retry(max_attempts=1, min_delay=0), trace() as calls, pytest.raises(TransactionFailed):
        once(True)
    assert [INDEX, INDEX, READ_POLICY, JUMP, INDEX, INDEX, READ_POLICY] == [call.name for call in calls]
    assert calls[3].args == (calls[0].result,)


def test_a_plain_transaction_makes_no_host_calls():
    """Neither when it succeeds nor when it fails."""
    with trace() as calls:
        both("a")
        with pytest.raises(TransactionFailed), transaction:
            step("b")
            raise Declined
    assert [] == calls


def test_a_block_that_repeats_is_refused_in_plain_python():
    """There is no oplog to go back in; the message says what to do."""
    with pytest.raises(RegionError, match="put the block into a function"), transaction(retry=True):
        pass
    both("a")


def test_an_inner_one_that_repeats_keeps_the_outer_steps(log):
    """Only its own part is done again."""
    failures = iter([True, False])

    @transaction(retry=True)
    def inner():
        step("b")
        if next(failures):
            raise Declined

    with retry(min_delay=0), transaction:
        step("a")
        inner()
    assert ["a", "b", "undo b B 1", "b"] == log


# Blocks and threads


def test_a_block_around_a_yield_is_refused():
    """Whoever resumes the generator would decide whether it ends."""

    def generator():
        with transaction:
            yield 1

    with pytest.raises(MarkError, match="contains a yield"):
        next(generator())


def test_another_thread_is_refused(log):
    """Before the operation runs; its context may have come along."""
    import contextvars

    refused = []

    def elsewhere():
        try:
            step("a")
        except RegionError as error:
            refused.append(str(error))

    with transaction:
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(elsewhere,))
        thread.start()
        thread.join()
        plain = threading.Thread(target=step, args=("b",))
        plain.start()
        plain.join()

    assert "another thread" in refused[0]
    assert ["b"] == log
