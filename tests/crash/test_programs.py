"""Programs of nested regions, crashed anywhere, do what a small reference model says they do."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.crash.programs import CALM, PROGRAMS, assert_agrees

#: The model says what result and effects are to be; the driver's own rules for them are off.
JUDGED_BY_MODEL = {"same": lambda _expected, _actual: True, "expect": dict.fromkeys("abcde", (0, 1000))}
SEEDS = st.integers(0, 2**32)
#: Other programs each time, so that runs add up. With the rest of the suite they take some 25 minutes on two cores;
#: DURABLE_DSL_EXAMPLES=1000 is for a night.
EXAMPLES = int(os.environ.get("DURABLE_DSL_EXAMPLES", "120"))
exhaustive = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
#: The same programs each time, and none made smaller: a failure says how to run its point alone.
bounded = settings(exhaustive, max_examples=25, derandomize=True, phases=[Phase.explicit, Phase.generate])


def warmed_up(worker):
    """A Python guest's first call reads clocks and random numbers; it is made before."""
    worker.invoke("run", "[]")


def agree(recorded, program, **options):
    """Run a program through crashes; every run, and the one without, is the model's."""

    def check(run):
        assert_agrees(program, run, recorded.log)

    return recorded.run(program, check=check, setup=warmed_up, **JUDGED_BY_MODEL, **options)


@pytest.mark.guarantee("ATOMIC-6")
@given(PROGRAMS, SEEDS)
@bounded
def test_programs_agree_with_the_model(recorded, program, seed):
    """A few points of each program, in killed processes and simulated, some with a second crash in the recovery."""
    agree(recorded, program, sample=8, real=0.25, seed=seed, crashes=1 + seed % 2)


@pytest.mark.guarantee("ATOMIC-6")
@pytest.mark.exhaustive
@given(PROGRAMS, SEEDS)
@exhaustive
def test_many_programs_agree_with_the_model(recorded, program, seed):
    """More programs, more points, up to three crashes in a row; other programs each time."""
    agree(recorded, program, sample=24, real=0.5, seed=seed, crashes=1 + seed % 3)


def same_but_for_counts(expected, actual):
    """The recorder's answers count, so what was done again differs in the number alone."""
    return re.sub(r"\d+", "", str(expected)) == re.sub(r"\d+", "", str(actual))


@given(CALM, SEEDS)
@bounded
def test_the_driver_s_own_rule_is_never_stricter_than_the_regions(recorded, program, seed):
    """Programs that do not depend on what is outside pass without a word about what to expect."""
    options = {"sample": 5, "real": 0.2, "seed": seed, "crashes": 1 + seed % 2}
    recorded.run(program, same=same_but_for_counts, setup=warmed_up, **options)


@pytest.mark.exhaustive
@given(CALM, SEEDS)
@exhaustive
def test_the_driver_s_own_rule_holds_for_many_programs(recorded, program, seed):
    """As above."""
    options = {"sample": 24, "real": 0.5, "seed": seed, "crashes": 1 + seed % 3}
    recorded.run(program, same=same_but_for_counts, setup=warmed_up, **options)


SMALL = pytest.mark.parametrize(
    "program",
    [
        pytest.param([["write", "a"], ["read", "b"], ["write", "c"]], id="plain"),
        pytest.param([["atomic", [["write", "a"], ["flaky", "b", 2], ["write", "c"]]], ["write", "d"]], id="region"),
        pytest.param([["once", [["write", "a"], ["write", "b"]]], ["write", "c"]], id="at most once"),
        pytest.param([["write", "a"], ["nothing", [["write", "b"]]], ["write", "c"]], id="zone"),
        pytest.param([["atomic", [["atomic", [["write", "a"]]], ["once", [["write", "b"]]]]]], id="nested"),
        pytest.param([["again", "a", 2, [["write", "b"], ["atomic", [["write", "c"]]]]], ["write", "d"]], id="jump"),
        pytest.param([["retry", 1, [["try", [["flaky", "a", 1]]], ["atomic", [["flaky", "b", 5]]]]]], id="retry"),
    ],
)


@SMALL
@pytest.mark.durable(real=0.75)
def test_small_programs_agree_with_the_model(recorded, program):
    """One of each kind of region; some points, most of them in killed processes."""
    report = agree(recorded, program, sample=20)

    assert [] == report.missed


@SMALL
@pytest.mark.exhaustive
@pytest.mark.durable(real=1)
def test_small_programs_agree_with_the_model_everywhere(recorded, program):
    """Every point, each a killed process; then with a second and a third death."""
    for crashes in (1, 2, 3):
        report = agree(recorded, program, crashes=crashes)

        assert (report.available, []) == (report.points, report.missed)
