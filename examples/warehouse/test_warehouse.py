"""Orders in plain Python: the stock's own functions answer, a fresh module for each warehouse."""

from __future__ import annotations

import asyncio
import importlib.util

import orders
import pytest
import stock
from orders import Line, Rejected
from shelves import Stock

from durable_dsl import remote


def warehouse():
    """The module `stock` anew, as a worker of that component is."""
    spec = importlib.util.spec_from_file_location("stock", stock.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def warehouses():
    with remote.register(Stock, warehouse):
        yield


def test_an_order_is_put_aside():
    """One label per line, and what is left is less."""
    assert orders.place("berlin", [Line("tea", 2), Line("mug", 1)]) == ["tea-1", "mug-2"]
    assert asyncio.run(orders.find("tea", ["berlin", "rome"])) == {"berlin": 8, "rome": 10}


def test_an_order_that_cannot_be_filled_leaves_nothing_behind():
    """The refusal names what is missing; the rest is back on the shelf."""
    with pytest.raises(Rejected) as refused:
        orders.place("berlin", [Line("tea", 2), Line("kettle", 2)])

    assert refused.value == Rejected("kettle", 1)
    assert asyncio.run(orders.find("tea", ["berlin"])) == {"berlin": 10}
