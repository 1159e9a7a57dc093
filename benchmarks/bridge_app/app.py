"""The guest of the bridge's benchmark: loops that do nothing but call the host."""

from wit_world.imports import host


class WitWorld:
    def calls(self, name: str, size: int, count: int) -> None:
        level, data, text = host.Level_Smart(), b"x" * size, "x" * size
        times = range(count)
        match name:
            case "noop":
                noop = host.noop
                for _ in times:
                    noop()
            case "inc":
                inc = host.inc
                for _ in times:
                    inc(5)
            case "set":
                set_level = host.set
                for _ in times:
                    set_level(level)
            case "get":
                get = host.get
                for _ in times:
                    get()
            case "take-bytes":
                for _ in times:
                    host.take_bytes(data)
            case "give-bytes":
                for _ in times:
                    host.give_bytes(size)
            case "take-text":
                for _ in times:
                    host.take_text(text)
            case "give-text":
                for _ in times:
                    host.give_text(size)

    def nothing(self) -> None:
        pass
