"""The example of two components: orders that call warehouses, through crashes anywhere, each reservation made once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from durable_dsl.engine import Engine
from durable_dsl.testing.building import component_of

WAREHOUSE = Path(__file__).parents[2] / "examples" / "warehouse"
LINES = [{"sku": "tea", "quantity": 2}, {"sku": "mug", "quantity": 1}]
TOO_MUCH = [{"sku": "tea", "quantity": 2}, {"sku": "kettle", "quantity": 2}]
COMMAND = [sys.executable, "-m", "durable_dsl"]


@pytest.fixture(scope="module")
def components():
    return component_of(WAREHOUSE / "orders.py"), component_of(WAREHOUSE / "stock.py")


def test_plain_python_tests_of_the_example_pass():
    """As a user runs them, with the stock's own functions in the place of its workers."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(WAREHOUSE)],
        cwd=WAREHOUSE, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 0 == run.returncode, run.stdout


@pytest.mark.guarantee("REMOTE-1")
@pytest.mark.durable(real=0.5)
@pytest.mark.parametrize(
    ("lines", "sample"), [(LINES, 14), (TOO_MUCH, 6)], ids=["an order that is filled", "an order that is rejected"]
)
def test_a_reservation_is_made_once_wherever_the_crash_comes(crash_driver, components, lines, sample):
    """Also where the warehouse had finished and its answer was lost: a second reservation would have another label."""
    orders, stock = components
    report = crash_driver.run(
        orders, "place", "berlin", lines, setup=lambda worker: worker.engine.load(stock), sample=sample
    )

    assert [] == report.missed


def test_a_killed_process_leaves_one_reservation(components, tmp_path):
    """kill -9 between the warehouse's answer and the end of the order; the same command finishes it."""
    orders, stock = components
    command = [
        *COMMAND, "run", str(orders), "place", "berlin", '[{"sku": "tea", "quantity": 2}]', "--component", str(stock),
        "--worker", "o-1", "--idempotency-key", "first", "--data", str(tmp_path),
    ]  # fmt: skip
    with subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "NO_COLOR": "1"}) as killed:
        assert any(b"reserved: tea-1" in line for line in killed.stderr)
        killed.send_signal(signal.SIGKILL)
    finished = subprocess.run(command, capture_output=True, text=True, check=True)

    assert '{"ok": ["tea-1"]}' == finished.stdout.strip()
    with Engine.open(tmp_path, output=lambda *_: None) as engine:
        assert 8 == engine.worker("berlin").invoke("left", "tea")
        deadline = time.monotonic() + 60
        while (notes := engine.worker("berlin").invoke("notes")) != ["1 lines"] and time.monotonic() < deadline:
            time.sleep(0.05)
        assert ["1 lines"] == notes


def test_warehouses_are_asked_at_the_same_time(components, tmp_path):
    """One worker each, made by the call."""
    orders, stock = components
    with Engine.open(tmp_path, output=lambda *_: None) as engine:
        engine.load(stock)
        found = engine.worker("orders", engine.load(orders)).invoke("find", "tea", ["berlin", "rome"])

        assert [["berlin", 10], ["rome", 10]] == [list(each) for each in found]
        assert ["berlin", "orders", "rome"] == [worker.name for worker in engine.workers()]
