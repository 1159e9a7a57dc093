"""Transactions through crashes: all, nothing, or an error that names the rest; and no undo is done twice.

In the worlds here each label is written once, so a label that stands twice in a row in the log was done again: the
write that was in flight at a crash. Without those repetitions the log is exactly what the model says.

The end of an atomic region comes to disk with what is recorded next, so a step that is one may be done again, and
undone again, where its undo was in flight. There the driver's own rule says how often, and the model what stands.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import pytest

from durable_dsl.engine import Engine, InvocationError
from durable_dsl.engine.diagnosis import undone_steps
from tests.crash.recorder import log
from tests.crash.sagas import expected, once_each, standing
from tests.crash.test_programs import same_but_for_counts, warmed_up

LABELS = "abc"


def program(fails="", stuck="", again=False, regions="", attempts=1):
    """Three steps; the one that `fails`, the undos that are `stuck`, the steps that are atomic regions."""
    steps = []
    for label in LABELS:
        how = "no" if label == fails else "stuck" if label in stuck else "region" if label in regions else ""
        steps.append(["step", label, how])
    if fails == "body":
        steps.append(["saga", False, [["step", "d", "no"]]])
    return [["retry", attempts, [["settle", [["saga", again, steps]]]]], ["write", "end"]]


NESTED = [
    ["settle", [["saga", False, [
        ["step", "a", ""],
        ["settle", [["saga", False, [["step", "b", ""], ["step", "x", "no"]]]]],
        ["saga", False, [["step", "c", "region"]]],
        ["step", "y", "no"],
    ]]]],
]  # fmt: skip
NESTED_AGAIN = [
    ["retry", 1, [["settle", [["saga", False, [
        ["step", "a", ""],
        ["saga", True, [["step", "b", ""], ["step", "x", "no"]]],
    ]]]]]],
]  # fmt: skip


def crashed(recorded, steps, **options):
    """Every run, and the one without a crash, is the model's."""
    world, result = expected(steps)
    regions = "region" in str(steps)

    def check(run):
        log, again = once_each(recorded.log)
        if not regions:
            assert world == log
            assert again <= len(run.crashes)
        assert standing(world) == standing(log)
        assert same_but_for_counts({"ok": result}, run.outcome.value)

    return recorded.run(steps, check=check, setup=warmed_up, same=same_but_for_counts, **options)


SOME = {
    "succeeds": program(),
    "the second fails": program("b"),
    "the last fails, undos are regions": program("c", regions="ab"),
    "the body fails, an undo is stuck": program("body", stuck="b"),
    "every undo is stuck": program("c", stuck="ab"),
    "tried again": program("c", again=True),
    "tried again, a block": program("b", again="block"),
    "tried again, an undo is stuck": program("c", again=True, stuck="a"),
    "nested": NESTED,
    "nested, tried again": NESTED_AGAIN,
}


@pytest.mark.guarantee("TRANSACTION-1", "TRANSACTION-2", "TRANSACTION-8")
@pytest.mark.durable(real=0.25)
@pytest.mark.parametrize("name", SOME)
def test_a_saga_through_crashes(recorded, name):
    """A sample of the points, some in killed processes, some with a second crash in the recovery."""
    crashed(recorded, SOME[name], sample=4)
    crashed(recorded, SOME[name], sample=2, crashes=2, seed=1)


@pytest.mark.exhaustive
@pytest.mark.durable(real=0.5)
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("fails", ["", *LABELS, "body"])
@pytest.mark.parametrize("stuck", ["", "a", "b", "c", "ab", "abc"])
def test_every_saga_at_every_point(recorded, fails, stuck, again):
    """Every step and every compensation made to fail, at every crash point; then with a second crash."""
    for regions, crashes in itertools.product(("", "abc"), (1, 2)):
        report = crashed(recorded, program(fails, stuck, again, regions), crashes=crashes)

        assert (report.available, []) == (report.points, report.missed)


@pytest.mark.exhaustive
@pytest.mark.durable(real=0.5)
@pytest.mark.parametrize("steps", [NESTED, NESTED_AGAIN], ids=["nested", "nested again"])
def test_nested_sagas_at_every_point(recorded, steps):
    """Every crash point, with up to three crashes."""
    for crashes in (1, 2, 3):
        crashed(recorded, steps, crashes=crashes)


def test_a_flaky_step_is_done_in_the_end(recorded):
    """What depends on the world outside may go another way after a crash; all or nothing holds all the same."""
    steps = [["settle", [["saga", True, [["step", "a", ""], ["step", "b", "flaky"], ["step", "c", ""]]]]]]

    def check(run):
        assert {"ok": "a b c"} == run.outcome.value
        assert {"a", "b", "c"} == standing(recorded.log)

    bounds = dict.fromkeys(["a", "b", "c", "undo-a", "undo-b", "undo-c"], (0, 4))
    recorded.run(steps, check=check, setup=warmed_up, expect=bounds, sample=8)


# What a failed worker tells


@pytest.mark.guarantee("TRANSACTION-13")
def test_a_worker_that_failed_says_what_is_not_undone(recorded, tmp_path):
    """`worker show`: the steps that the failure names, newest first."""
    steps = [["saga", False, [["step", "a", "stuck"], ["step", "b", ""], ["step", "c", "stuck"], ["step", "d", "no"]]]]
    with Engine.open(tmp_path) as engine:
        worker = engine.worker("w", engine.load(recorded.component))
        with pytest.raises(InvocationError) as failed:
            worker.invoke("run", json.dumps(steps))

        assert "TransactionFailed" in failed.value.type
        left = ["step('c', 'stuck') -> 1 (Flaky: c)", "step('a', 'stuck') -> 1 (Flaky: a)"]
        assert left == worker.describe(full=True)["unfinished"]
    assert ["a", "b", "c", "undo-b"] == log(recorded.file)

    shown = run_command("worker", "show", "w", "--data", str(tmp_path))
    assert "not undone   step('c', 'stuck') -> 1 (Flaky: c)" in shown
    told = json.loads(run_command("worker", "show", "w", "--json", "--data", str(tmp_path)))
    assert 2 == len(told["unfinished"])


@pytest.mark.guarantee("TRANSACTION-13")
@pytest.mark.durable(real=0)
def test_a_worker_that_its_host_failed_says_what_is_not_undone(recorded):
    """A write that is sent at most once, and died under way: the guest had no chance to undo or to say anything."""
    steps = [["settle", [["saga", False, [["step", "a", ""], ["step", "b", ""], ["step", "c", "once"]]]]]]
    seen = []

    def check(run):
        failure = run.outcome.failure
        if failure is not None:
            seen.append(undone_steps.named_in(failure.message))

    recorded.run(steps, check=check, setup=warmed_up, same=same_but_for_counts, expect=dict.fromkeys("abc", (0, 2)))
    assert [["step('b', '') -> 1", "step('a', '') -> 1"]] == [*map(list, {tuple(each) for each in seen})]


def run_command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "durable_dsl", *arguments], capture_output=True, text=True, check=True
    ).stdout
