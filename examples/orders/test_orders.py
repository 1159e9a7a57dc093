"""The order desk in plain Python: no component, no engine."""

from __future__ import annotations

import orders
import pytest
from wit_world.exports.desk import Line, Order, Refusal_OutOfStock

from durable_dsl import Err
from durable_dsl.testing import trace


@pytest.fixture(autouse=True)
def full_shelf(monkeypatch):
    """Each test starts with the same shelf."""
    monkeypatch.setattr(orders, "shelf", {"tea": 12, "mug": 3, "kettle": 1})
    monkeypatch.setattr(orders, "placed", {})


def test_place_takes_goods_from_the_shelf():
    """An order that can be filled."""
    receipt = orders.place(Order("o-1", [Line("tea", 2), Line("mug", 1)]))

    assert receipt.total_cents == 2100
    assert orders.stock("tea") == 10


def test_a_refused_order_changes_nothing():
    """A refusal is a normal outcome: the region ends, and the shelf is as it was."""
    with trace() as calls, pytest.raises(Err) as refused:
        orders.place(Order("o-2", [Line("tea", 1), Line("kettle", 5)]))

    assert refused.value.value == Refusal_OutOfStock(Line("kettle", 1))
    assert orders.stock("tea") == 12
    assert [call.name for call in calls][:2] == ["get-retry-policy", "set-retry-policy"]
    assert "mark-end-operation" in [call.name for call in calls]
