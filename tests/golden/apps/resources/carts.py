"""The carts."""

from __future__ import annotations

from wit_world.imports.types import Line

from durable_dsl import Err, atomic, persist, retry


class Cart:
    made = 0

    @atomic
    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.contents: dict[str, int] = {}
        Cart.made += 1

    @retry(max_attempts=1)
    @atomic
    def add(self, sku: str, quantity: int) -> int:
        if not quantity:
            raise Err("nothing to add")
        self.contents[sku] = self.contents.get(sku, 0) + quantity
        return self.total()

    def lines(self) -> list[Line]:
        return [Line(sku, quantity) for sku, quantity in self.contents.items()]

    def merge(self, other: Cart) -> None:
        for sku, quantity in other.contents.items():
            self.add(sku, quantity)

    def copy(self) -> Cart:
        return Cart(self.owner)

    @persist("smart")
    @classmethod
    def open(cls, owner: str) -> Cart:
        return cls(owner)

    @staticmethod
    def count() -> int:
        return Cart.made

    def total(self) -> int:
        return sum(self.contents.values())
