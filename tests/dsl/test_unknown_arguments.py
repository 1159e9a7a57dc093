"""An argument that a word does not have is named, with the one that is meant, in every place where words stand."""

from __future__ import annotations

import inspect

import pytest

import durable_dsl
from durable_dsl import (
    MarkError,
    atomic,
    commit,
    export,
    idempotent,
    non_idempotent,
    operation,
    persist,
    retry,
    transaction,
)
from durable_dsl.marks.collecting import ARGUMENTS, collecting, unknown_argument
from tests.codegen.projects import MOVE, PLACE, faults_of, places


@pytest.mark.parametrize(
    ("make", "meant"),
    [
        (lambda: retry(attempts=3), "max_attempts"),
        (lambda: retry(max_attempts=3, delay=1), "min_delay"),
        (lambda: retry(multiplyer=3), "multiplier"),
        (lambda: export(raise_=ValueError), "raises"),
        (lambda: export("x", raising=ValueError), "raises"),
        (lambda: atomic(commit=ValueError), "commit_on"),
        (lambda: persist(levels="smart"), "level"),
        (lambda: commit(replica=1), "replicas"),
        (lambda: transaction(retries=True), "retry"),
        (lambda: operation(compensation=print), "compensate"),
        (lambda: idempotent(on=True), None),
        (lambda: non_idempotent(on=True), None),
    ],
)
def test_each_word_names_the_nearest(make, meant):
    """A TypeError with the place; in a scan a fault, and something that still decorates and encloses."""
    with pytest.raises(TypeError) as caught:
        make()
    with collecting() as collected:
        made = make()

    assert isinstance(caught.value, MarkError)
    assert __file__ == caught.value.file
    assert ["DSL010"] == [fault.code for fault in collected.faults]
    assert (f"did you mean {meant}?" in caught.value.hint) is (meant is not None)
    assert callable(made)
    assert callable(made(lambda: None))


def test_the_words_arguments_are_those_that_they_have():
    """What is checked in source is what the words take when they are called."""
    for word, known in ARGUMENTS.items():
        called = getattr(durable_dsl, word)
        signature = inspect.signature(called if inspect.isfunction(called) else type(called).__call__)
        named = {
            name
            for name, each in signature.parameters.items()
            if each.kind in {each.KEYWORD_ONLY, each.POSITIONAL_OR_KEYWORD}
        }
        assert set(known) == named - {"self", "cls"}


def test_nothing_is_meant_by_something_quite_different():
    """No guess is better than a bad one."""
    assert "did you mean" not in unknown_argument("retry", "colour").hint


LATE = """
def late():
    with retry(attempts=3):
        pass
    with dsl.persist(lvl="smart"), dsl.atomic(**{}):
        return lambda: dsl.commit(replica=2)
def own(retry):
    retry.retry(attempts=3)
"""


def test_blocks_are_faults_of_the_build(tmp_path):
    """They run long after it; a name that the module uses for something else too is left alone."""
    app = "import durable_dsl as dsl\nfrom durable_dsl import retry as again\n" + PLACE + MOVE + LATE
    app = app.replace("with retry(", "with again(")
    faults = faults_of(tmp_path, {"app.py": app})

    assert [("DSL010", "app.py:7"), ("DSL010", "app.py:9"), ("DSL010", "app.py:10")] == places(faults)
    assert "did you mean max_attempts?" in faults[0].hint


@pytest.mark.parametrize("mark", ["@retry(attempts=3)", "@export(raise_=KeyError)", "@atomic(on=KeyError)"])
def test_one_mistake_is_one_fault(tmp_path, mark):
    """With and without WIT."""
    app = (
        "from durable_dsl import *\n@export\n"
        + (f"{mark}\n" if "export" not in mark else "")
        + "def f() -> None: ...\n"
    )
    app = app if "export" not in mark else app.replace("@export", mark)
    (tmp_path / "first").mkdir()
    (tmp_path / "wit").mkdir()
    first = faults_of(tmp_path / "first", {"app.py": app}, wit="nowhere")
    wit = f"from durable_dsl import *\n{PLACE}{mark}\n{MOVE}"

    assert 1 == len([each for each in first if each.severity == "error"])
    assert [("DSL010", "app.py:3")] == places(faults_of(tmp_path / "wit", {"app.py": wit}))
