"""The guest of the bridge's tests: echoes values, makes host calls, holds resources, fails in several ways."""

import time

import wit_world
from wit_world.imports import absent, shapes, tools, views


class Shapes:
    def two(self, left, right):
        return shapes.two(left, right)


def _echo(function):
    def echo(self, v):
        return function(v)

    return echo


for _name in (
    "a_bool a_u8 a_s8 a_u16 a_s16 a_u32 a_s32 a_u64 a_s64 a_f32 a_f64 a_char a_string some_bytes bools s8s u16s s16s "
    "u32s s32s u64s s64s f32s f64s chars strings byte_lists a_tuple a_color a_digit colors a_rights a_many a_point "
    "an_order a_level a_shape shape_list opt_u32 opt_string opt_opt opt_opt_opt res_both res_ok res_err res_none "
    "res_list all_kinds"
).split():
    setattr(Shapes, _name, _echo(getattr(shapes, _name)))


KEPT = []


class Visits:
    def keep(self, c):
        KEPT.append(c)
        return c.next()

    def look(self, c):
        return views.peek(c)


class Probe:
    def nothing(self):
        pass

    def calls(self, count):
        for _ in range(count):
            tools.noop()

    def spin(self, rounds):
        total = 0
        for i in range(rounds):
            total = (total + i) & 0xFFFF
        return total

    def text(self, size):
        return "x" * size

    def hold(self, mebibytes):
        try:
            kept = bytearray(mebibytes << 20)
        except MemoryError:
            return False
        return len(kept) == mebibytes << 20

    def nap(self, milliseconds):
        time.sleep(milliseconds / 1000)

    def crash(self, how):
        if how == "python":
            raise ValueError("the guest's own")
        if how == "absent":
            absent.gone(1)
        if how == "deep":
            return self.crash(how)
        try:
            tools.fail(how)
        except BaseException as error:  # noqa: BLE001
            return f"caught {error!r}"
        return "went on"

    def cursors(self):
        with tools.Cursor(10) as one:
            seen = [one.next(), one.next()]
            with one.child() as two:
                seen += [two.next(), views.peek(one), tools.Cursor.sum([one, two])]
        seen.append(tools.take(tools.open(50)))
        return seen

    def two(self):
        return 2


class WitWorld:
    def top(self, n):
        wit_world.log(f"top {n}")
        return n + 1
