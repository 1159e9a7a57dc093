"""Paying through a service over HTTP: charged once, whatever happens to the process in between.

Each response is recorded. A worker that is killed between the charge and the confirmation takes the charge's response
from its oplog and goes on with the confirmation. The key lets the service know the one request whose fate a crash can
leave open: one that was sent, and whose response never reached the disk.
"""

from __future__ import annotations

import os

from wit_world.exports.shop import Receipt

from durable_dsl import Err, commit, http, idempotency_key


@commit
def buy(order_id: str, cents: int) -> Receipt:
    """Two calls to the service, each recorded on its own."""
    service = os.environ["PAYMENTS"]
    key = idempotency_key()
    charged = http.post(f"{service}/charges", json={"order": order_id, "cents": cents}, idempotency_key=key)
    if charged.status == 402:
        raise Err(charged.json()["reason"])
    charge = charged.raise_for_status().json()["id"]
    print(f"charged: {charge}")
    confirmed = http.post(f"{service}/confirmations", json={"charge": charge}).raise_for_status()
    return Receipt(charge, confirmed.json()["id"])
