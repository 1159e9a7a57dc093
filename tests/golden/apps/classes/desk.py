"""The classes that componentize-py expects, with marks on their methods; two interfaces share a function's name."""

from __future__ import annotations

import wit_world
from wit_world import exports

from durable_dsl import Err, atomic, persist


class Orders(exports.Orders):
    def __init__(self) -> None:
        self.placed: list[str] = []

    @atomic
    def place(self, order_id: str) -> int:
        if order_id in self.placed:
            raise Err(f"{order_id} was placed before")
        self.placed.append(order_id)
        return len(self.placed)

    def status(self) -> str:
        return f"{len(self.placed)} placed"


class Carts(exports.Carts):
    @persist("smart")
    def status(self) -> str:
        return "no carts"

    @staticmethod
    def clear() -> None:
        pass


class WitWorld(wit_world.WitWorld):
    def version(self) -> str:
        return "1"
