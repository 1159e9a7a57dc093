"""Promises and sleeps survive a crash anywhere: a sample of the points, some of them in killed processes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.components import built_once

APP = Path(__file__).parent / "app"

#: Export, arguments: a promise that is completed and awaited; deadlines; sleeps outside and inside of a region.
CASES = [
    ("immediate", ("record",)),
    ("immediate-async", ("record",)),
    ("decide", (5.0,)),
    ("decide-async", (5.0,)),
    ("doze", (60.0, False)),
    ("doze", (12.0, True)),
]


@pytest.mark.durable(real=0.2)
@pytest.mark.parametrize(("export", "arguments"), CASES)
def test_waiting_survives_a_crash_anywhere(crash_driver, tmp_path_factory, export, arguments):
    """What was decided stays decided, and a deadline stays where it was."""
    report = crash_driver.run(built_once(APP, tmp_path_factory), export, *arguments, sample=8)

    assert [] == report.missed


@pytest.mark.guarantee("PROMISE-1")
@pytest.mark.durable(real=0.2)
@pytest.mark.parametrize("export", ["twice", "both"])
def test_answers_survive_a_crash_anywhere(crash_driver, tmp_path_factory, export):
    """Each question has one answer, in blocking code and in tasks."""
    answers = [{"approved": True, "by": by} for by in ("ann", "bob")] if export == "twice" else ["hello"]
    report = crash_driver.run(built_once(APP, tmp_path_factory), export, answers=answers, sample=12)

    assert {"twice": "'ann bob'", "both": "'hello 2'"}[export] == report.result
