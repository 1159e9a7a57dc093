"""Every example survives a crash anywhere: orders, counters, payments, the transfer by hand and with marks."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
ORDERS = EXAMPLES / "orders" / "orders.py"
COUNTER = EXAMPLES / "counter" / "counter.py"
BANK = EXAMPLES / "bank" / "bank.py"
BY_HAND = EXAMPLES / "by_hand" / "by_hand.py"

PAYMENTS = EXAMPLES / "payments" / "payments.py"

TEA = {"id": "o-1", "lines": [{"sku": "tea", "quantity": 2}, {"sku": "mug", "quantity": 1}]}
TOO_MUCH = {"id": "o-2", "lines": [{"sku": "kettle", "quantity": 5}]}
FIRST = {"resource": "counter", "id": 0}


def placed(worker):
    worker.invoke("desk#place", TEA)


def counted(worker):
    assert worker.invoke("counting#[constructor]counter", "a").id == 0
    worker.invoke("counting#[method]counter.increment", FIRST, 2)


def opened(worker):
    worker.invoke("open-account", "ann", {"cents": 10_00, "currency": "eur"})
    worker.invoke("open-account", "bob", {"cents": 1_00, "currency": "eur"})
    worker.invoke("[constructor]standing-order", "ann", "bob", {"cents": 4_00, "currency": "eur"})


EUR = {"cents": 3_00, "currency": "eur"}
STANDING = {"resource": "standing-order", "id": 0}

CASES = {
    "a payment without wit": (BANK, "transfer", ("ann", "bob", EUR), opened, 12),
    "a refused payment without wit": (BANK, "transfer", ("bob", "ann", EUR), opened, 8),
    "a resource without wit": (BANK, "[method]standing-order.execute", (STANDING,), opened, 8),
    "an order": (ORDERS, "desk#place", (TEA,), None, 20),
    "a refused order": (ORDERS, "desk#place", (TOO_MUCH,), None, 12),
    "a label": (ORDERS, "desk#ship", ("o-1",), placed, 20),
    "a label of nothing": (ORDERS, "desk#ship", ("o-9",), placed, 8),
    "a question": (ORDERS, "desk#stock", ("tea",), placed, 8),
    "a counter's making": (COUNTER, "counting#[constructor]counter", ("b",), counted, 8),
    "a counter": (COUNTER, "counting#[method]counter.increment", (FIRST, 3), counted, 12),
    "a sum": (COUNTER, "counting#total", (), counted, 8),
    "a transfer": (BY_HAND, "with-marks#transfer", (20_00,), None, 12),
    "a transfer that fails": (BY_HAND, "with-marks#transfer", (60_00,), None, 20),
    "a transfer by hand": (BY_HAND, "by-hand#transfer", (20_00,), None, 12),
    "a transfer by hand that fails": (BY_HAND, "by-hand#transfer", (60_00,), None, 20),
}


@pytest.mark.durable(real=0.5)
@pytest.mark.parametrize("case", CASES)
def test_an_example_survives_a_crash_anywhere(crash_driver, case):
    """A sample of its points, half of them in killed processes."""
    app, export, arguments, setup, sample = CASES[case]
    report = crash_driver.run(app, export, *arguments, setup=setup, sample=sample)

    assert [] == report.missed


@pytest.mark.exhaustive
@pytest.mark.durable(real=1)
@pytest.mark.parametrize("case", CASES)
def test_an_example_survives_a_kill_at_every_point(crash_driver, case):
    """Every point, each a killed process; and the same with a second crash in the recovery."""
    app, export, arguments, setup, _ = CASES[case]
    for crashes in (1, 2):
        report = crash_driver.run(app, export, *arguments, setup=setup, crashes=crashes)

        assert (report.available, []) == (report.points, report.missed)


@pytest.fixture
def service():
    """The payment service of the example."""
    spec = importlib.util.spec_from_file_location("service", EXAMPLES / "payments" / "service.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    running = module.PaymentService()
    yield running
    running.close()


def bought(crash_driver, service, **options):
    """Buy through crashes; a request is repeated at most once, and the key makes that harmless: one charge each."""

    def forget():
        service.requests.clear()
        service.charges.clear()

    return crash_driver.run(
        PAYMENTS, "buy", "o-1", 450, effects=lambda: service.requests, before_each=forget,
        check=lambda run: len(service.charges) == 1 or pytest.fail(f"charged: {service.charges}"),
        env={"PAYMENTS": f"http://{service.address}"}, allow_http=[service.address], **options,
    )  # fmt: skip


@pytest.mark.durable(real=0.5)
def test_a_payment_survives_a_crash_anywhere(crash_driver, service):
    """A sample of the points, against the real service."""
    bought(crash_driver, service, sample=24)


@pytest.mark.exhaustive
@pytest.mark.durable(real=1)
def test_a_payment_survives_a_kill_at_every_point(crash_driver, service):
    """Every point in a killed process, and with a second death in the recovery."""
    for crashes in (1, 2):
        report = bought(crash_driver, service, crashes=crashes)

        assert report.available == report.points
