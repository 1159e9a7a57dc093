import carts as carts  # noqa: PLC0414 - the module must be in the component
import wit_world
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import host

SIGN = "first"


class Orders(exports.Orders):
    def place(self, order):
        if not order.lines:
            raise Err("an order needs lines")
        key = host.generate_idempotency_key()
        print(f"placing {order.id}")
        return f"{order.id}-{key.high_bits:x}"

    def total(self, lines):
        return sum(line.quantity for line in lines)

    def echo(self, order):
        return order

    def invert(self, data):
        return bytes(255 - byte for byte in data)

    def sign(self):
        return SIGN

    def nothing(self):
        return None


class WitWorld(wit_world.WitWorld):
    def double(self, value):
        return 2 * value
