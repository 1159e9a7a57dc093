"""Two processes on one data directory, killed again and again: money is neither lost nor made, nothing is stuck."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.engine.programs import ROOT


def stormed(data, kills, seed, **environment):
    """What `tests.crash.storm` tells."""
    command = [sys.executable, "-m", "tests.crash.storm", str(data), str(kills), str(seed)]
    path = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.guarantee("REMOTE-4")
def test_calls_survive_a_storm_of_kills(tmp_path):
    """Some kills; `STORM_KILLS` and `STORM_SEED` make it more, or another one."""
    kills, seed = int(os.environ.get("STORM_KILLS", "25")), int(os.environ.get("STORM_SEED", "1"))
    told = stormed(tmp_path / "data", kills, seed)

    assert [] == told["faults"], f"seed {seed}"
    assert told["kills"] >= kills


@pytest.mark.guarantee("SNAPSHOT-3")
def test_snapshots_survive_a_storm_of_kills(tmp_path):
    """The same, where the state of each worker is saved after every second invocation."""
    kills, seed = int(os.environ.get("STORM_KILLS", "25")), int(os.environ.get("STORM_SEED", "11"))
    told = stormed(tmp_path / "data", kills, seed, STORM_SNAPSHOTS="2")

    assert [] == told["faults"], f"seed {seed}"
    assert told["kills"] >= kills
    assert told["snapshots"] > 50


@pytest.mark.guarantee("REMOTE-4")
@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(2, 6))
def test_calls_survive_many_kills(tmp_path, seed):
    """Short lives, long lives; a thousand kills in all."""
    assert [] == stormed(tmp_path / "data", 250, seed, STORM_LIFE="0.15" if seed % 2 else "0.6")["faults"]
