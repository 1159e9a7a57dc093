"""Several workers at once, killed at any instant, many times: nothing is lost, nothing is done more than promised."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest

from durable_dsl.testing.building import component_of
from durable_dsl.testing.crash.promises import UNKNOWN_WRITE, open_regions, open_writes
from tests.crash import load, recorder
from tests.crash.conftest import APP


def killed(folder, waves, seed):
    """How often the process was killed, and what the world outside has seen."""
    data, log = folder / "data", folder / "log"
    command = [sys.executable, "-m", "tests.crash.load", str(data), str(component_of(APP))]
    done = subprocess.run(
        [*command, str(waves), str(seed)], capture_output=True, text=True, check=False,
        env={**os.environ, recorder.VARIABLE: str(log), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout), Counter(recorder.log(log))


def holds(folder, waves, kills, effects):
    """Each worker's effects, its answers and its oplog."""
    answers = json.loads((folder / "data" / "answers").read_text())
    assert waves * load.WORKERS == len(answers)
    with load.opened(folder / "data") as engine:
        for name, given in answers.items():
            labels = [label for label in effects if label.startswith(f"{name}.")]
            records = engine.worker(name).oplog()
            completed = sum(record.kind == "exported-function-completed" for record in records)
            if "failed" in given[-1]:  # a write whose outcome nobody knows: the end of this worker
                assert (True, UNKNOWN_WRITE) == (load.careful(name), given.pop()["failed"])
            else:
                assert load.CALLS == len(given)
                assert 4 * load.CALLS == len(labels)
                assert [] == [*open_regions(records), *open_writes(records)]
            assert all(answer.keys() == {"ok"} for answer in given)
            assert len(given) == completed
            if load.careful(name):
                assert all(effects[label] == 1 for label in labels if label.endswith("o"))
            # A kill can have one call done again, or the one or two of an open region.
            assert sum(effects[label] - 1 for label in labels) <= 2 * kills
            assert list(range(1, len(records) + 1)) == [record.index for record in records]


@pytest.mark.guarantee("RECOVERY-8")
def test_workers_survive_kills_at_any_instant(tmp_path):
    """A few kills in each wave."""
    kills, effects = killed(tmp_path, waves=3, seed=1)
    holds(tmp_path, 3, kills, effects)

    assert kills > 3


@pytest.mark.guarantee("RECOVERY-8")
@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(2, 12))
def test_workers_survive_many_kills_at_any_instant(tmp_path, seed):
    """A thousand kills in all."""
    kills, effects = killed(tmp_path, 20, seed)
    holds(tmp_path, 20, kills, effects)

    assert kills > 20
