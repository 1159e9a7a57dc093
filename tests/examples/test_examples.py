"""The examples do what their stories say, in plain Python and as components; the demo ends well."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from durable_dsl.engine import Engine, InvocationError
from durable_dsl.testing.building import component_of

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
COMMAND = [sys.executable, "-m", "durable_dsl"]


@pytest.fixture
def engine(tmp_path):
    """An engine with an empty data directory, whose guests' output goes nowhere."""
    with Engine.open(tmp_path / "data", output=lambda *_: None) as engine:
        yield engine


def worker(engine, name):
    return engine.worker(name, engine.load(component_of(EXAMPLES / name / f"{name}.py")))


def kinds(of_worker):
    return [record.kind for record in of_worker.oplog()]


@pytest.mark.parametrize("name", ["orders", "counter", "payments", "bank", "trip"])
def test_plain_python_tests_of_the_example_pass(name, tmp_path):
    """As a user runs them: bindings first, then pytest in the example's folder."""
    bindings = tmp_path / "bindings"
    subprocess.run([*COMMAND, "bindings", str(bindings)], cwd=EXAMPLES / name, check=True, capture_output=True)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLES / name)],
        cwd=EXAMPLES / name,
        env={**os.environ, "PYTHONPATH": str(bindings)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == run.returncode, run.stdout


def test_orders_keep_their_shelf_between_calls(engine):
    """A worker's variables are its state; a refusal changes nothing."""
    shop = worker(engine, "orders")
    placed = shop.invoke("place", {"id": "o-1", "lines": [{"sku": "tea", "quantity": 2}]})
    refused = shop.invoke("place", {"id": "o-2", "lines": [{"sku": "tea", "quantity": 99}]})

    assert {"ok": {"order-id": "o-1", "total-cents": 900}} == placed
    assert {"err": {"out-of-stock": {"sku": "tea", "quantity": 10}}} == refused
    assert 10 == shop.invoke("stock", "tea")


def test_orders_have_the_regions_of_their_marks(engine):
    """Retry outside, the atomic region inside, the label's write between its markers."""
    shop = worker(engine, "orders")
    shop.invoke("place", {"id": "o-1", "lines": [{"sku": "tea", "quantity": 1}]})
    shop.invoke("ship", "o-1")
    found = kinds(shop)

    regions = [kind for kind in found if kind not in {"imported-function-invoked", "log"}]
    assert [
        "create",
        "exported-function-invoked",
        "change-retry-policy",
        "begin-atomic-region",
        "end-atomic-region",
        "change-retry-policy",
        "exported-function-completed",
        "exported-function-invoked",
        "begin-remote-write",
        "end-remote-write",
        "exported-function-completed",
    ] == regions


def test_a_bank_without_wit(engine):
    """Its world is its type hints; outcomes are its own exceptions, also in an object that lives in the worker."""
    bank = worker(engine, "bank")
    for name, cents in (("ann", 10_00), ("bob", 1_00)):
        bank.invoke("open-account", name, {"cents": cents, "currency": "eur"})
    order = bank.invoke("[constructor]standing-order", "ann", "bob", {"cents": 6_00, "currency": "eur"})
    receipt = {"number": 1, "left": {"cents": 4_00, "currency": "eur"}}
    missing = {"overdrawn": {"missing": {"cents": 2_00, "currency": "eur"}}}

    assert {"ok": receipt} == bank.invoke("[method]standing-order.execute", order)
    assert {"err": missing} == bank.invoke("[method]standing-order.execute", order)
    assert [receipt] == bank.invoke("[method]standing-order.history", order)
    assert [{"moved": {"to": "bob", "amount": {"cents": 6_00, "currency": "eur"}}}] == bank.invoke(
        "statement", "ann", 1
    )
    assert {"err": {"name": "eve"}} == bank.invoke("balance", "eve")


def test_counters_live_in_their_worker(engine):
    """Resources and state outlive the engine that made them."""
    counter = worker(engine, "counter")
    first = counter.invoke("[constructor]counter", "a")
    counter.invoke("[method]counter.increment", first, 2)
    with Engine.open(engine.data, output=lambda *_: None) as again:
        engine.close()
        same = again.worker("counter")

        assert 5 == same.invoke("[method]counter.increment", {"resource": "counter", "id": 0}, 3)
        assert ["a"] == same.invoke("[static]counter.names")
        assert 5 == same.invoke("total")


def test_by_hand_commits_the_half_that_was_done(engine):
    """The idiom with `finally`: the failed region is on record as ended, so each retry replays it and fails."""
    hand = worker(engine, "by_hand")
    with pytest.raises(InvocationError, match="the wire is down"):
        hand.invoke("by-hand#transfer", 60_00)
    found = kinds(hand)

    assert found.index("begin-atomic-region") < found.index("end-atomic-region") < found.index("error")
    assert "jump" not in found


def test_marks_leave_the_failed_region_open(engine):
    """The same with a mark: no end on record, and each retry runs the region again."""
    marked = worker(engine, "by_hand")
    with pytest.raises(InvocationError, match="the wire is down"):
        marked.invoke("with-marks#transfer", 60_00)
    found = kinds(marked)

    assert "end-atomic-region" not in found
    assert 3 == found.count("jump")


def test_failure_names_the_users_lines(engine):
    """The traceback is Python's, with the example's own files and lines."""
    marked = worker(engine, "by_hand")
    with pytest.raises(InvocationError) as failed:
        marked.invoke("with-marks#transfer", 60_00)
    source = (EXAMPLES / "by_hand" / "by_hand.py").read_text().splitlines()
    line = 1 + next(i for i, text in enumerate(source) if "raise ConnectionError" in text)

    assert ("ConnectionError", "the wire is down") == (failed.value.type, failed.value.message)
    assert f'File "by_hand.py", line {line}, in move' in failed.value.traceback
    assert "wasm" not in failed.value.traceback


def test_demo_ends_well():
    """`make demo`: killed between charge and confirmation, charged once."""
    run = subprocess.run(
        [sys.executable, str(EXAMPLES / "demo.py")], capture_output=True, text=True, check=False, timeout=300
    )

    assert 0 == run.returncode, run.stdout + run.stderr
    assert "customers charged: 1, requests to charge: 1" in run.stdout
    assert "charged: ch-1" in run.stderr
    assert 1 == run.stderr.count("charged: ch-1")


def test_inspect_shows_the_regions():
    """What the build compiled can be read from the component."""
    component = component_of(EXAMPLES / "orders" / "orders.py")
    shown = subprocess.run([*COMMAND, "inspect", str(component), "--json"], capture_output=True, check=True)
    exports = {export["name"]: export for export in json.loads(shown.stdout)["exports"]}

    assert ["commit", "retry", "atomic"] == [r["kind"] for r in exports["demo:orders/desk#place"]["regions"]]
