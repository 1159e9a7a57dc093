"""DSL513 to DSL519: answers off the record, state without snapshots, and what a guest lacks."""

from __future__ import annotations

import pytest

from tests.analysis.checked import assert_finds

FOUND = {
    # DSL513
    "a branch": """
        from durable_dsl import http, persist

        def place():
            with persist("persist-nothing"):
                price = http.get("https://prices.example/tea").json()
            if price > 3:  # finds DSL513
                http.post("https://orders.example/orders")
    """,
    "an argument, through a function": """
        import random
        from durable_dsl import http, persist

        @persist("persist-nothing")
        def draw():
            return random.randint(1, 6)

        def place():
            number = draw()
            label = f"n-{number}"
            http.post("https://orders.example/orders", json=label)  # finds DSL513
    """,
    "an early return": """
        from durable_dsl import http, persist, PersistenceLevel

        QUIET = PersistenceLevel.PERSIST_NOTHING

        def place():
            with persist(QUIET):
                known = ask()
            if known:  # finds DSL513
                return
            http.post("https://orders.example/orders")

        def ask():
            return http.get("https://orders.example/known").json()
    """,
    "the result of an export": """
        from durable_dsl import export, http, persist

        @export
        @persist("persist-nothing")
        def price() -> float:
            answer = http.get("https://prices.example/tea")
            return answer.json()  # finds DSL513
    """,
    # DSL514
    "state of two exports": """
        from durable_dsl import export

        shelf = {"tea": 3}  # finds DSL514

        @export
        def take(sku: str) -> None:
            shelf[sku] -= 1

        @export
        def give(sku: str) -> None:
            put(sku)

        def put(sku):
            shelf.update({sku: shelf[sku] + 1})
    """,
    "a global, and another module's": """
        from durable_dsl import export
        import stock

        count = 0  # finds DSL514

        @export
        def one() -> None:
            global count
            count += 1
            stock.items.append(1)

        @export
        def two() -> None:
            global count
            count = 0
            stock.items.clear()
    """,
    "an object that a module has": """
        from durable_dsl import export

        class Shelf:  # finds DSL514
            def __init__(self):
                self.count = 0

            def put(self, number):
                self.count += number

        shelf = Shelf()

        @export
        def take() -> None:
            shelf.put(-1)

        @export
        def give() -> None:
            shelf.put(1)
    """,
    # DSL515
    "a late import": """
        def place():
            import json  # finds DSL515
            return json.dumps(1)
    """,
    "a computed one": """
        import importlib

        def place(name):
            return importlib.import_module(f"plugins.{name}")  # finds DSL515
    """,
    # DSL516
    "threads": """
        import asyncio
        import threading
        from concurrent.futures import ThreadPoolExecutor

        def place():
            threading.Thread(target=print).start()  # finds DSL516
            with ThreadPoolExecutor() as pool:  # finds DSL516
                pool.map(print, [1])

        async def wait():
            await asyncio.to_thread(print)  # finds DSL516
    """,
    # DSL517
    "processes": """
        import os
        import subprocess as sp
        from multiprocessing import Process

        def place():
            sp.run(["ls"], check=True)  # finds DSL517
            os.system("ls")  # finds DSL517
            Process(target=print)  # finds DSL517
    """,
    # DSL518
    "sockets and ssl": """
        import smtplib
        import socket
        import ssl

        def place():
            with socket.create_connection(("mail.example", 25)) as connection:  # finds DSL518
                ssl.create_default_context().wrap_socket(connection)  # finds DSL518
            smtplib.SMTP("mail.example")  # finds DSL518
    """,
    # DSL519
    "time and random at import": """
        import random
        import time
        import uuid
        from datetime import datetime

        STARTED = time.time()  # finds DSL519

        class Desk:
            name = f"desk-{uuid.uuid4()}"  # finds DSL519

        def place(at=datetime.now()):  # finds DSL519
            return at

        def seed():
            return inner()

        def inner():
            return random.random()

        SEED = seed()  # finds DSL519
        DICE = random.Random()  # finds DSL519
    """,
    "the environment at import": """
        import os

        DESK = os.environ["DESK"]  # finds DSL519
        ROOM = os.getenv("ROOM", "1")  # finds DSL519

        def floor():
            return os.environ.get("FLOOR")

        FLOOR = floor()  # finds DSL519
    """,
}

NOT_FOUND = {
    "the environment where it is asked for, or set": """
        import os

        os.environ["TZ"] = "UTC"

        def desk():
            return os.environ["DESK"] + os.getenv("ROOM", "1")
    """,
    "an answer that nothing depends on": """
        from durable_dsl import http, persist

        def place():
            with persist("persist-nothing"):
                answer = http.post("https://metrics.example/count")
                if not answer.ok:
                    print("no metrics")
            http.post("https://orders.example/orders")
    """,
    "an answer on record": """
        from durable_dsl import http, persist

        def place():
            price = http.get("https://prices.example/tea").json()
            with persist("persist-nothing"):
                http.post("https://metrics.example/count")
            if price > 3:
                http.post("https://orders.example/orders")
    """,
    "state, no answer": """
        from durable_dsl import export, persist

        shelf = {"tea": 3}

        @export
        @persist("persist-nothing")
        def stock(sku: str) -> int:
            return shelf[sku]
    """,
    "a branch that leads to nothing recorded": """
        from durable_dsl import http, persist

        def place():
            with persist("persist-nothing"):
                price = http.get("https://prices.example/tea").json()
            if price > 3:
                print("dear")
    """,
    "state of one export": """
        from durable_dsl import export

        shelf = {"tea": 3}  # not DSL514

        @export
        def take(sku: str) -> None:
            shelf = {}
            shelf[sku] = 1
            forget(shelf)

        @export
        def give(sku: str) -> int:
            return shelf[sku]

        def forget(shelf):
            shelf.clear()
    """,
    "objects of one call": """
        from durable_dsl import export

        class Order:
            def __init__(self):
                self.lines = []

            def add(self, line):
                self.lines.append(line)

        @export
        def place() -> int:
            order = Order()
            order.add(1)
            return len(order.lines)

        @export
        def quote() -> int:
            order = Order()
            order.add(2)
            return len(order.lines)
    """,
    "threads that are none": """
        import threading

        lock = threading.Lock()
        here = threading.local()

        class Thread:
            def start(self): ...

        def place(threading):
            Thread().start()
            threading.Thread().start()
    """,
    "what only another platform does": """
        import subprocess
        import sys

        def place():
            if sys.platform != "wasi":
                subprocess.run(["ls"], check=True)

        if __name__ == "__main__":
            subprocess.run(["ls"], check=True)
    """,
    "what the code can do without": """
        import subprocess

        def version():
            try:
                return subprocess.check_output(["git", "describe"])
            except OSError:
                return "?"
    """,
    "names and constants of the modules": """
        import socket
        import ssl
        import subprocess

        QUIET = subprocess.DEVNULL

        def place(error):
            return isinstance(error, (ssl.SSLError, socket.gaierror))
    """,
    "time and random that are drawn later": """
        import random
        import time
        from dataclasses import dataclass, field
        from uuid import uuid4

        @dataclass
        class Order:
            id: str = field(default_factory=lambda: str(uuid4()))
            at: float = field(default_factory=time.time)

        now = time.time
        choose = random.Random(7).choice

        def place():
            return now()
    """,
    "an early import that is repeated late": """
        import json

        def place():
            import json
            return json.dumps(1)
    """,
}

SNAPSHOTS = """
from durable_dsl import export, load_snapshot, save_snapshot

shelf = {"tea": 3}  # not DSL514

@export
def take(sku: str) -> None:
    shelf[sku] -= 1

@export
def give(sku: str) -> None:
    shelf[sku] += 1

@save_snapshot
def save() -> dict[str, int]:
    return shelf

@load_snapshot
def load(saved: dict[str, int]) -> None:
    shelf.update(saved)
"""


@pytest.mark.parametrize("name", FOUND)
def test_what_a_guest_cannot_do_is_found(tmp_path, name):
    """DSL513 to DSL519."""
    more = {"stock": "items = []  # finds DSL514\n"} if "import stock" in FOUND[name] else {}
    assert_finds(tmp_path, FOUND[name], **more)


@pytest.mark.parametrize("name", NOT_FOUND)
def test_what_only_looks_like_it_is_not(tmp_path, name):
    """Near misses; information is looked at, too, where the source says that there is none."""
    report = assert_finds(tmp_path, NOT_FOUND[name])

    assert not {each.code for each in report.findings} & {"DSL514", "DSL515"}


def test_snapshots_carry_the_state(tmp_path):
    """DSL514 stays silent."""
    report = assert_finds(tmp_path, SNAPSHOTS)

    assert () == report.findings
