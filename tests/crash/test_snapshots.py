"""Crashes around snapshots between invocations."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from durable_dsl.testing.building import component_of

APPS = Path(__file__).parents[1] / "snapshots"


@pytest.fixture(scope="module")
def each_time(tmp_path_factory):
    """The app whose state is saved after every invocation."""
    folder = shutil.copytree(APPS / "periodic", tmp_path_factory.mktemp("apps") / "periodic")
    (folder / "pyproject.toml").write_text('[tool.durable-dsl]\nsnapshot = "every 1"\n')
    return component_of(folder / "app.py")


def two_before(worker):
    for text in ("a", "b"):
        worker.invoke("add", text)


@pytest.mark.guarantee("SNAPSHOT-3")
def test_a_crash_anywhere_around_one(crash_driver, each_time):
    """On the way to the next, with the state of the one before."""
    report = crash_driver.run(
        each_time, "add", "c", setup=two_before, check=lambda run: knows(run, 3), real=0.3, crashes=2
    )
    behind_the_result = [one for one in report.tried if int(one.point.partition(":")[0]) > 53]
    assert behind_the_result


def knows(run, count):
    assert run.outcome.value == count
