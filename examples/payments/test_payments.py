"""The shop in plain Python, against the real service."""

from __future__ import annotations

import payments
import pytest
from service import PaymentService

from durable_dsl import Err


@pytest.fixture
def service(monkeypatch):
    """A service of the test's own."""
    service = PaymentService()
    monkeypatch.setenv("PAYMENTS", f"http://{service.address}")
    yield service
    service.close()


def test_buy_charges_and_confirms(service):
    """One charge, one confirmation."""
    receipt = payments.buy("o-1", 450)

    assert (receipt.charge, receipt.confirmation) == ("ch-1", "ok-ch-1")
    assert service.requests == ["/charges", "/confirmations"]


def test_a_refused_charge_is_an_error_of_the_export(service):
    """The service's reason reaches the caller."""
    with pytest.raises(Err) as refused:
        payments.buy("o-2", 20_000)

    assert refused.value.value == "the card's limit is 100.00"
    assert service.charges == {}
