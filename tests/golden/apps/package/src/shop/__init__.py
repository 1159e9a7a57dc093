"""An app that is a package: an export from a submodule, a data file, a late import."""

from __future__ import annotations

from pathlib import Path

from shop import handlers as handlers

PRICES = (Path(__file__).parent / "prices.txt").read_text(encoding="utf-8")


def price(order_id: str) -> int:
    from shop.tables import parsed

    return parsed(PRICES)[order_id]
