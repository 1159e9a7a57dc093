"""A saga of concurrent operations through crashes: all, nothing, or what the result names."""

from __future__ import annotations

from pathlib import Path

import pytest

from durable_dsl.testing import effect_server
from tests.crash.sagas import standing

APP = Path(__file__).parent / "tasks" / "tasks.py"
CASES = [("", "", False), ("b", "", False), ("d", "a", False), ("b", "", True)]


def crashed(crash_driver, fails, stuck, again, **options):
    with effect_server() as server:

        def check(run):
            result = run.outcome.value["ok"] if isinstance(run.outcome.value, dict) else run.outcome.value
            expected = set("abcd") if result == "done" else set(result.removeprefix("left:"))
            assert expected == standing(server.log)
            assert (result == "done") == (not fails)

        # What is sent at the same time may come in any order, and each of it again after a crash.
        labels = [*"abcd", *(f"undo-{label}" for label in "abcd")]
        crash_driver.run(
            APP, "run", server.url, fails, stuck, again, effects=server.effects, check=check,
            before_each=server.clear, expect=dict.fromkeys(labels, (0, 5)), allow_http=[server.address], **options,
        )  # fmt: skip


@pytest.mark.guarantee("TRANSACTION-9")
@pytest.mark.durable(real=0.25)
@pytest.mark.parametrize(("fails", "stuck", "again"), CASES)
def test_a_concurrent_saga_through_crashes(crash_driver, fails, stuck, again):
    """A sample of the points."""
    crashed(crash_driver, fails, stuck, again, sample=4)


@pytest.mark.exhaustive
@pytest.mark.durable(real=0.5)
@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("fails", ["", "a", "b", "d", "ab"])
@pytest.mark.parametrize("stuck", ["", "a", "c", "abcd"])
def test_every_concurrent_saga_at_every_point(crash_driver, fails, stuck, again):
    """Every point, and with a second death in the recovery."""
    for crashes in (1, 2):
        crashed(crash_driver, fails, stuck, again, crashes=crashes)
