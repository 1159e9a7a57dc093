"""Resources in componentize-py's layout (a class in a module of the interface's name), what takes and gives them."""

from __future__ import annotations

import carts
from wit_world import exports
from wit_world.exports import carts as types

from durable_dsl import Err, atomic


class Carts(exports.Carts):
    def total(self, cart: carts.Cart) -> int:
        return cart.total()

    def split(self, cart: carts.Cart) -> types.Pair:
        other = carts.Cart(cart.owner)
        return types.Pair(cart, other)  # type: ignore[arg-type]

    @atomic
    def find(self, owners: list[str]) -> types.Found:
        found = [carts.Cart(owner) for owner in owners]
        if not found:
            return types.Found_Nothing()
        return types.Found_One(found[0]) if len(found) == 1 else types.Found_Several(found)  # type: ignore[arg-type]

    def pay(self, cart: carts.Cart) -> int:
        if not cart.contents:
            raise Err(("nothing to pay", cart))
        return cart.total()

    @atomic
    def empty(self, carts: list[carts.Cart]) -> tuple[int, carts.Cart]:
        if not carts:
            raise Err("no carts")
        return sum(cart.total() for cart in carts), carts[0]
