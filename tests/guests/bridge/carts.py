"""The guest's exported resources, where componentize-py looks for them."""


class Cart:
    def __init__(self, owner):
        self.owner = owner
        self.items = []

    def add(self, sku):
        self.items.append(sku)
        return len(self.items)

    @classmethod
    def merge(cls, one, other):
        one.items += other.items
        return one

    def split(self):
        return [Cart(item) for item in self.items]


class Basket:
    pass
