"""Exports that the package itself does not name."""

from __future__ import annotations

from datetime import datetime

from durable_dsl import atomic, export


@export("orders#place")
@atomic
def place_order(order_id: str) -> str:
    return f"{order_id} {datetime.strptime('2024 +0000', '%Y %z').year}"
