"""The bank in plain Python: no component, no engine, and the bank's own classes and exceptions."""

from __future__ import annotations

import bank
import pytest
from bank import Currency, Deposited, Money, Moved, Overdrawn, StandingOrder, UnknownAccount

from durable_dsl.testing import trace


@pytest.fixture(autouse=True)
def two_accounts(monkeypatch):
    """Each test starts with the same two accounts."""
    monkeypatch.setattr(bank, "accounts", {})
    monkeypatch.setattr(bank, "balances", {})
    monkeypatch.setattr(bank, "transfers", 0)
    bank.open_account("ann", Money(10_00))
    bank.open_account("bob", Money(1_00))


def test_money_is_moved():
    """From one account to the other, with a receipt."""
    receipt = bank.transfer("ann", "bob", Money(3_00))

    assert (receipt.number, receipt.left) == (1, Money(7_00))
    assert bank.balance("bob") == Money(4_00)
    assert bank.statement("ann", 1) == [Moved("bob", Money(3_00))]
    assert bank.statement("bob", None) == [Deposited(Money(1_00)), Deposited(Money(3_00))]


def test_a_refusal_is_an_ordinary_exception():
    """It is an outcome: the atomic region ends, and nothing was moved."""
    with trace() as calls, pytest.raises(Overdrawn) as refused:
        bank.transfer("ann", "bob", Money(11_00))

    assert refused.value == Overdrawn(Money(1_00, Currency.EUR))
    assert "mark-end-operation" in [call.name for call in calls]
    assert bank.balance("ann") == Money(10_00)
    with pytest.raises(UnknownAccount):
        bank.transfer("ann", "eve", Money(1))


def test_standing_orders():
    """Objects of an exported class live in the worker."""
    order = StandingOrder("ann", "bob", Money(6_00))

    assert order.execute().left == Money(4_00)
    with pytest.raises(Overdrawn):
        order.execute()
    assert len(order.history()) == 1
