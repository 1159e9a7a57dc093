"""Workers that are updated, forked, reverted and deleted by a process that is killed in the middle of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.engine.worker.test_commands import OTHER, SECOND
from tests.guests import guest


def found(data, seed, kills):
    builds = [guest("ledger"), guest("ledger", edit=SECOND), guest("ledger", edit=OTHER)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.steering", str(data), str(seed), str(kills), *map(str, builds)],
        capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.guarantee("RECOVERY-8")
def test_nothing_is_half_done_after_kills(tmp_path):
    """A few kills."""
    assert {"faults": [], "strange": []} == found(tmp_path, 2, 9)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(10, 20))
def test_nothing_is_half_done_after_many_kills(tmp_path, seed):
    """Forty in each of ten directories."""
    assert {"faults": [], "strange": []} == found(tmp_path, seed, 42)
