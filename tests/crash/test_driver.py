"""The crash driver itself: which points, which are real, what it says, and what it does with the wrong input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from collections import Counter

import pytest

from durable_dsl.engine.traps import UnknownExport
from durable_dsl.testing import CrashFailure, effect_server
from durable_dsl.testing.crash.points import Event, choose
from durable_dsl.testing.crash.run import Point
from durable_dsl.testing.effects import counted
from tests.crash.test_programs import same_but_for_counts, warmed_up
from tests.guests import guest

PROGRAM = [["write", "a"], ["atomic", [["write", "b"], ["read", "c"]]], ["once", [["write", "d"]]]]
KEYS = "keys = [host.generate_idempotency_key() for _ in range(2)]; result = len(keys)"


def test_every_index_and_every_place_inside_a_call(recorded):
    """All entries of the invocation, and for each call before it, after its effect and after its record."""
    learned = []
    report = recorded.run(PROGRAM, setup=warmed_up, same=same_but_for_counts, check=learned.append, real=0)
    points = {one.point for one in report.tried}
    finished = learned[-1].records
    begun = next(one.index for one in reversed(finished) if one.kind == "exported-function-invoked")

    assert {f"{index}:record" for index in range(begun, len(finished) + 1)} <= points
    calls = [one.index for one in finished[begun:] if one.kind == "imported-function-invoked"]
    assert len(calls) == 4
    assert {f"{index}:{place}" for index in calls for place in ("before", "effect", "record")} <= points
    assert len([point for point in points if point.endswith("answer")]) == 4
    assert set(report.by_place()) == {"record", "write", "commit", "before", "effect", "answer"}


def test_real_crashes_are_killed_processes(recorded):
    """Points of both kinds agree on what is left: the entries that had been committed, and no others."""
    left = {0: [], 1: []}

    def note(run):
        left[run.point.real].append([(row[1], row[3]) for row in run.crashes[0].entries])

    for real in (0, 1):
        report = recorded.run(PROGRAM, setup=warmed_up, same=same_but_for_counts, check=note, real=real)
        assert real * report.points == report.killed

    assert left[0] == left[1]


def test_a_sample_is_the_same_for_a_seed(recorded):
    """And another for another; a share of it is real."""
    options = {"setup": warmed_up, "same": same_but_for_counts, "sample": 10, "real": 0.5}
    first, again, other = (recorded.run(PROGRAM, seed=seed, **options) for seed in (1, 1, 2))

    tried = [[(one.point, one.real) for one in report.tried] for report in (first, again, other)]
    assert tried[0] == tried[1] != tried[2]
    assert (10, 5) == (first.points, first.killed)
    assert first.available > 30


def test_a_sample_has_something_of_every_kind():
    """Few rare places do not drown in many common ones."""
    events = [Event(f"{index}:record", "record", index, "noise") for index in range(100)]
    events += [Event("7:effect", "effect", 7, "charge"), Event("8:commit", "commit", 8, "commit")]
    chosen = choose(events, 6, seed=3)

    assert {"noise", "charge", "commit"} == {event.name for event in chosen}
    assert 6 == len(chosen)
    assert events == choose(events, None, seed=3)


def test_points_have_names_that_can_be_given_back():
    """`only=` takes what a report shows."""
    for point in (Point("12:effect#2", real=True), Point("event 7", real=False, then=("event 3", "event 9"))):
        assert point == Point.parse(str(point), real=point.real)


def test_the_report_is_readable(recorded):
    """One line per kind of place, with how often each effect was done."""
    report = recorded.run(PROGRAM, setup=warmed_up, same=same_but_for_counts, sample=30, real=0.5)
    first, head, *lines = str(report).splitlines()

    assert re.fullmatch(r"30 of \d+ crash points of run, 15 by killing a process, in \d+\.\d s: 0 failed", first)
    assert "effects: a 1, b 1, c 1, d 1 without a crash" in head
    assert [*report.by_place()] == [line.split()[0] for line in lines]
    assert any("b 1 to 2" in line for line in lines)
    assert Counter(a=1, b=1, c=1, d=1) == report.effects


def test_bounds_that_a_caller_gives_count(recorded):
    """A label with bounds is held to them, the others to what the regions promise."""
    options = {"setup": warmed_up, "same": same_but_for_counts, "real": 0}
    recorded.run(PROGRAM, expect={"a": (1, 2), "d": (0, 1)}, **options)
    with pytest.raises(CrashFailure, match="'b' was done twice, expected 1"):
        recorded.run(PROGRAM, expect={"b": 1}, **options)


def test_a_check_of_the_caller_counts(recorded):
    """What it asserts is a failure of that point."""

    def check(run):
        assert run.crashes[0].event.place != "commit", "not here"

    with pytest.raises(CrashFailure, match=r"17:commit \(simulated\): not here"):
        recorded.run([["write", "a"]], setup=warmed_up, check=check, same=same_but_for_counts, real=0)


def test_a_worse_result_is_a_failure(recorded):
    """Results are compared; here they count the effects, which a repetition changes."""
    with pytest.raises(CrashFailure, match=r"the result is .* without a crash it is \{'ok': 'a1'\}"):
        recorded.run([["write", "a"]], setup=warmed_up, real=0)


def test_wrong_requests_are_refused_at_once(crash_driver, tmp_path):
    """No such file, no such export, arguments that do not fit, options that cannot be sent to another process."""
    with pytest.raises(FileNotFoundError, match="no component or app"):
        crash_driver.run(tmp_path / "none.wasm", "run")
    with pytest.raises(UnknownExport):
        crash_driver.run(guest("script"), "walk")
    with pytest.raises(ValueError, match="expected 1 argument"):
        crash_driver.run(guest("script"), "run")
    with pytest.raises(TypeError, match="plain data"):
        crash_driver.run(guest("script"), "run", "", output=lambda _level, _data: None, real=1)


def test_effects_come_in_any_form():
    """Counts by label, one label per effect, a number."""
    assert Counter(a=2, b=1) == counted({"a": 2, "b": 1}) == counted(["a", "b", "a"])
    assert Counter(effect=3) == counted(3)
    with pytest.raises(TypeError, match="one text"):
        counted("ab")


def test_the_effect_server_counts_and_answers():
    """By path; its log keeps the order."""
    import urllib.request

    with effect_server() as server:
        for label in ("charge", "mail", "charge"):
            with urllib.request.urlopen(f"{server.url}/{label}", data=b"x") as answer:
                last = answer.read()

        assert (b"2", ["charge", "mail", "charge"]) == (last, server.log)
        assert Counter(charge=2, mail=1) == server.effects()
        server.clear()
        assert Counter() == server.effects()


TEST_FILE = """
    import pytest

    @pytest.mark.durable(sample=5, real=1)
    def test_keys(crash_driver):
        print(crash_driver.run({component!r}, "run", {source!r}, check={check}))
"""


def run_pytest(folder, *arguments, check="None"):
    text = textwrap.dedent(TEST_FILE).format(component=str(guest("script")), source=KEYS, check=check)
    (folder / "test_it.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ)


def test_users_get_fixture_and_marker_by_installing_the_package(tmp_path):
    """In a project of their own, with nothing configured; the command line goes over the marker."""
    marked = run_pytest(tmp_path)
    asked = run_pytest(tmp_path, "--crash-points=7", "--strict-markers")

    assert "5 of 65 crash points of run, 5 by killing a process" in marked.stdout, marked.stdout + marked.stderr
    assert "7 of 65 crash points of run, 7 by killing a process" in asked.stdout, asked.stdout + asked.stderr


def test_a_failing_test_prints_the_oplog_around_the_crash(tmp_path):
    """And how to run that point alone."""
    failed = run_pytest(tmp_path, check="lambda run: pytest.fail('no')")
    assert failed.returncode == 1

    for part in (
        "CrashFailure: 5 of 65 crash points",
        "(process killed): no",
        "after recovery:",
        "exported-function-invoked",
        "only=",
    ):
        assert part in failed.stdout
