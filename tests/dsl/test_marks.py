"""Where marks may land, and that what they land on stays what it was."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle

import pytest

from durable_dsl import (
    MarkError,
    PersistenceLevel,
    RegionFailed,
    atomic,
    commit,
    export,
    idempotent,
    non_idempotent,
    persist,
    retry,
)
from durable_dsl.marks.collecting import collecting
from durable_dsl.marks.decorators import EXPORT_ATTRIBUTE
from durable_dsl.marks.marked import below_marks, marks_of
from durable_dsl.testing import trace

WORDS = [atomic, atomic(), atomic(commit_on=OSError), persist, persist("smart"), non_idempotent, idempotent(), commit]
WORDS += [commit(2), retry(max_attempts=1)]


@atomic
def charge(card: str, *, amount: int = 1) -> str:
    """Charge a card."""
    return f"{card}:{amount}"


class Till:
    """Methods of every kind, marked above and below the builtin decorators."""

    @atomic
    def plain(self, n):
        return self, n

    @atomic
    @staticmethod
    def static_below(n):
        return n

    @staticmethod
    @atomic
    def static_above(n):
        return n

    @atomic
    @classmethod
    def class_below(cls, n):
        return cls, n

    @classmethod
    @atomic
    def class_above(cls, n):
        return cls, n

    @atomic
    async def waits(self, n):
        await asyncio.sleep(0)
        return n


def calls_of(function, *arguments):
    with trace() as calls:
        result = function(*arguments)
    return result, [c.name for c in calls]


REGION = ["mark-begin-operation", "mark-end-operation"]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_marks_functions_and_coroutines(word):
    """Each word decorates `def` and `async def`, and the result still works."""

    @word
    def plain(n):
        return n + 1

    @word
    async def waits(n):
        await asyncio.sleep(0)
        return n + 1

    assert 2 == plain(1)
    assert inspect.iscoroutinefunction(waits)
    assert 2 == asyncio.run(waits(1))
    assert 1 == len(marks_of(plain)) == len(marks_of(waits))


def test_landing_on_methods():
    """Methods, static and class methods, in both orders of decorators."""
    till = Till()

    assert ((till, 1), REGION) == calls_of(till.plain, 1)
    assert ((till, 1), REGION) == calls_of(Till.plain, till, 1)
    for function in (Till.static_below, till.static_below, Till.static_above, till.static_above):
        assert (1, REGION) == calls_of(function, 1)
    for function in (Till.class_below, till.class_below, Till.class_above, till.class_above):
        assert ((Till, 1), REGION) == calls_of(function, 1)
    assert (1, REGION) == calls_of(lambda: asyncio.run(till.waits(1)))


def test_function_stays_what_it_was():
    """Name, docstring, signature and annotations survive."""
    assert "charge" == charge.__name__
    assert "Charge a card." == charge.__doc__
    assert "(card: 'str', *, amount: 'int' = 1) -> 'str'" == str(inspect.signature(charge))
    assert inspect.isfunction(charge)
    assert "charge" in inspect.getsource(charge)


def test_marked_functions_pickle_and_copy_by_name():
    """As functions do."""
    assert charge is pickle.loads(pickle.dumps(charge))
    assert charge is copy.deepcopy(charge) is copy.copy(charge)
    till = pickle.loads(pickle.dumps(Till().plain))
    assert 2 == till(2)[1]


def test_order_is_pythons():
    """The top decorator is the outermost region."""

    @persist("persist-nothing")
    @atomic
    @idempotent
    def work():
        pass

    _, made = calls_of(work)

    assert [
        "get-oplog-persistence-level",
        "set-oplog-persistence-level",
        "mark-begin-operation",
        "get-idempotence-mode",
        "set-idempotence-mode",
        "set-idempotence-mode",
        "mark-end-operation",
        "set-oplog-persistence-level",
    ] == made


def test_marks_stop_at_a_foreign_decorator():
    """What is below a decorator of others stays and works at run time."""

    def foreign(function):
        @functools.wraps(function)
        def inner(*arguments):
            return function(*arguments)

        return inner

    @retry(max_attempts=1)
    @atomic
    @foreign
    @idempotent
    def work():
        pass

    assert ["retry", "atomic"] == [m.word for m in marks_of(work)]
    assert (None, ["get-idempotence-mode", "set-idempotence-mode", "set-idempotence-mode"]) == calls_of(
        below_marks(work)
    )
    assert 3 + 2 + 3 == len(calls_of(work)[1])


def test_foreign_decorator_above_hides_marks_from_the_build_only():
    """A decorator of others on top: nothing to compile, all at run time."""

    @functools.lru_cache
    @atomic
    def work():
        return 1

    assert () == marks_of(work)
    assert (1, REGION) == calls_of(work)


def test_partial_can_be_marked():
    """A partial is a callable like any other."""
    marked = atomic(functools.partial(charge, "visa"))

    assert ("visa:2", REGION * 2) != calls_of(marked)
    assert "visa:1" == marked()


def test_marks_record_word_line_and_arguments():
    """The record that the build reads."""
    line = inspect.currentframe().f_lineno + 2

    @retry(max_attempts=5, min_delay="100ms")
    @persist(level="persist-nothing")
    def work():
        pass

    first, second = marks_of(work)
    assert ("retry", {"max_attempts": 5, "min_delay_ns": 100_000_000}, line) == (
        first.word,
        first.arguments,
        first.line,
    )
    assert ("persist", {"level": PersistenceLevel.PERSIST_NOTHING}, line + 1) == (
        second.kind,
        second.arguments,
        second.line,
    )
    assert __file__ == first.file


def test_export_marks_functions_and_classes():
    """`@export` is a mark without a region; a class keeps its identity."""

    @export
    @atomic
    def place():
        pass

    @export("orders#put")
    class Cart:
        pass

    assert ["export", "atomic"] == [m.kind for m in marks_of(place)]
    assert "orders#put" == getattr(Cart, EXPORT_ATTRIBUTE).arguments["name"]
    assert REGION == calls_of(place)[1]


def make_generator():
    def items():
        yield 1

    return items


def make_async_generator():
    async def items():
        yield 1

    return items


@pytest.mark.parametrize("bearer", [int, make_generator(), make_async_generator(), property(lambda _: 1)])
@pytest.mark.parametrize("word", [atomic, persist, persist("smart"), non_idempotent, commit, retry(max_attempts=1)])
def test_what_cannot_bear_a_mark_is_refused(bearer, word):
    """DSL008: classes, generators, asynchronous generators, properties."""
    with pytest.raises(MarkError, match="DSL008") as caught:
        word(bearer)

    assert __file__ == caught.value.file


@pytest.mark.parametrize(
    ("code", "make"),
    [
        ("DSL001", lambda: persist("persist-nothin")),
        ("DSL001", lambda: persist(None)),
        ("DSL002", lambda: retry(min_delay=-1)),
        ("DSL002", lambda: retry(max_delay="soon")),
        ("DSL003", lambda: retry(max_attempts=-1)),
        ("DSL003", lambda: retry(max_attempts=2**32)),
        ("DSL003", lambda: retry(max_attempts=1.5)),
        ("DSL004", retry),
        ("DSL004", lambda: retry(charge)),
        ("DSL005", lambda: persist("smart")(persist("persist-nothing")(make_plain()))),
        ("DSL005", lambda: atomic(functools.wraps(charge)(lambda: atomic(charge)))),
        ("DSL006", lambda: idempotent(non_idempotent(make_plain()))),
        ("DSL007", lambda: non_idempotent(persist("persist-nothing")(make_plain()))),
        ("DSL007", lambda: persist("persist-nothing")(atomic(non_idempotent(make_plain())))),
        ("DSL010", lambda: retry(5)),
        ("DSL010", lambda: retry(multiplier=-2)),
        ("DSL010", lambda: retry(jitter="much")),
        ("DSL010", lambda: commit(256)),
        ("DSL010", lambda: commit(replicas=-1)),
        ("DSL010", lambda: atomic(commit_on="ValueError")),
        ("DSL010", lambda: export(5)),
        ("DSL010", lambda: export(raises=5)),
    ],
)
def test_bad_marks_raise_and_are_collected_while_a_build_scans(code, make):
    """Outside a scan a bad mark raises with the user's file; in a scan it is noted and the function comes back."""
    with pytest.raises(MarkError) as caught:
        make()
    with collecting() as collected:
        result = make()

    assert (code, __file__) == (caught.value.code, caught.value.file)
    assert [code] == [fault.code for fault in collected.faults]
    assert callable(result)


def make_plain():
    def plain():
        pass

    return plain


def test_failure_in_a_marked_function_ends_the_instance():
    """A mark on a function that is not an export is a region of its own."""

    @atomic
    def work():
        raise ValueError

    with trace() as calls, pytest.raises(RegionFailed):
        work()

    assert ["mark-begin-operation"] == [c.name for c in calls]
