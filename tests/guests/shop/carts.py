class Cart:
    def __init__(self, owner):
        self.owner = owner
        self.items = []

    def add(self, sku):
        self.items.append(sku)
        return len(self.items)

    @classmethod
    def open(cls, owner):
        return cls(owner)

    def merge(self, other):
        self.items += other.items
        return self.items
