"""DSL503 to DSL509: retries, and what stands inside atomic regions and persist-nothing zones."""

from __future__ import annotations

import pytest

from tests.analysis.checked import assert_finds, report_of, write

FOUND = {
    # DSL503
    "a retry without a region": """
        from durable_dsl import http, retry

        @retry(max_attempts=5)  # finds DSL503
        def buy():
            http.post("https://pay.example/charges").raise_for_status()
    """,
    "a retry whose region holds nothing": """
        from durable_dsl import atomic, http, retry

        def buy():
            with retry(max_attempts=5):  # finds DSL503
                http.post("https://pay.example/charges")
                with atomic:
                    pass
    """,
    "a retry bound to a name": """
        from durable_dsl import http
        import durable_dsl as dsl

        patient = dsl.retry(max_attempts=50)

        def buy():
            with patient:  # finds DSL503
                http.post("https://pay.example/charges")
    """,
    # DSL504
    "a region that says no delay": """
        from durable_dsl import atomic

        @atomic  # finds DSL504
        def buy(): ...
    """,
    # DSL505
    "non_idempotent around atomic": """
        from durable_dsl import atomic, http, non_idempotent

        @non_idempotent
        @atomic
        def ship():
            http.post("https://ship.example/labels")  # finds DSL505
    """,
    "non_idempotent two calls deep in a block": """
        from durable_dsl import atomic, http, non_idempotent

        def ship():
            with atomic:
                prepare()

        def prepare():
            label()

        @non_idempotent
        def label():
            http.post("https://ship.example/labels")  # finds DSL505
    """,
    "non_idempotent where nothing is recorded": """
        from durable_dsl import PersistenceLevel, http, non_idempotent, persist

        def ship():
            with persist(PersistenceLevel.PERSIST_NOTHING):
                with non_idempotent:
                    http.post("https://ship.example/labels")  # finds DSL505
    """,
    "non_idempotent around who knows what": """
        from durable_dsl import atomic, non_idempotent

        @atomic
        def ship(carrier):
            with non_idempotent:  # finds DSL505
                carrier.label()
    """,
    # DSL506
    "a key in a region": """
        from durable_dsl import atomic, http, idempotency_key

        @atomic
        def pay():
            key = idempotency_key()  # finds DSL506
            http.post("https://pay.example/charges", idempotency_key=key)
    """,
    "a key by hand, in a helper": """
        from wit_world.imports.host import generate_idempotency_key
        from durable_dsl import atomic

        def pay():
            with atomic:
                charge()

        def charge():
            return generate_idempotency_key()  # finds DSL506
    """,
    "a key that is a random number of the region": """
        import uuid
        from durable_dsl import atomic, http

        @atomic
        def pay():
            key = str(uuid.uuid4())
            http.post("https://pay.example/charges", headers={"Idempotency-Key": key})  # finds DSL506
    """,
    "a key drawn by a function that is called in a region": """
        import time
        from durable_dsl import atomic, http

        def pay():
            http.post("https://pay.example/charges", idempotency_key=f"pay-{time.time_ns()}")  # finds DSL506

        def buy():
            with atomic:
                pay()
    """,
    # DSL507
    "a long sleep": """
        import time
        from durable_dsl import atomic

        PAUSE = 2 * 60

        @atomic
        def pay():
            wait()

        def wait():
            time.sleep(PAUSE)  # finds DSL507
    """,
    "a long sleep in a coroutine": """
        from asyncio import sleep
        from durable_dsl import atomic

        async def pay():
            with atomic():
                await sleep(10)  # finds DSL507
    """,
    "a long sleep in a context manager's brackets": """
        import time
        from contextlib import contextmanager
        from wit_world.imports.host import mark_begin_operation, mark_end_operation

        @contextmanager
        def atomically():
            begin = mark_begin_operation()
            yield
            mark_end_operation(begin)

        def pay():
            with atomically():
                time.sleep(30)  # finds DSL507
            time.sleep(30)
    """,
    "a long sleep in what a derived class defines": """
        import time
        from durable_dsl import atomic

        class Job:
            @atomic
            def run(self):
                self.step()

            def step(self): ...

        class Slow(Job):
            def step(self):
                time.sleep(30)  # finds DSL507
    """,
    "a long sleep under a decorator of the app": """
        import time
        from durable_dsl import atomic, retry

        def reliable(function):
            return retry(max_attempts=5)(atomic(function))

        @reliable
        def run():
            time.sleep(30)  # finds DSL507
    """,
    # DSL508
    "a time-out around a marked function": """
        import asyncio
        from durable_dsl import atomic

        async def pay():
            await asyncio.wait_for(charge(), 5)  # finds DSL508

        @atomic
        async def charge(): ...
    """,
    "a time-out block around a region further down": """
        import asyncio
        from durable_dsl import atomic

        async def pay():
            async with asyncio.timeout(5):  # finds DSL508
                await charge()

        async def charge():
            with atomic:
                await asyncio.sleep(1)
    """,
    "a coroutine that was made before": """
        import asyncio
        from durable_dsl import atomic

        async def pay():
            work = charge()
            await asyncio.wait_for(work, timeout=5)  # finds DSL508

        @atomic
        async def charge(): ...
    """,
    # DSL509
    "a promise in a region": """
        from durable_dsl import atomic, create_promise

        @atomic
        def approve():
            promise = create_promise(bool)
            return promise.wait(timeout="1d")  # finds DSL509
    """,
    "an awaited promise, handed in": """
        from durable_dsl import Promise, atomic

        @atomic
        async def approve(promise: Promise[bool]):
            return await promise  # finds DSL509
    """,
    "a promise whose type is imported for type checkers": """
        from __future__ import annotations

        from typing import TYPE_CHECKING
        from durable_dsl import atomic

        if TYPE_CHECKING:
            from durable_dsl import Promise

        @atomic
        def approve(promise: Promise[bool] | None = None):
            return promise.wait()  # finds DSL509
    """,
    "a promise by hand": """
        from wit_world.imports import host
        from durable_dsl import atomic

        @atomic
        def approve(address):
            return host.await_promise(address)  # finds DSL509
    """,
}

NOT_FOUND = {
    "a retry over a region": """
        from durable_dsl import atomic, http, retry

        @retry(max_attempts=5, min_delay="1s")
        @atomic
        def buy():
            http.post("https://pay.example/charges")
    """,
    "a retry inside a region": """
        from durable_dsl import atomic, http, retry

        @atomic
        @retry(max_attempts=5)
        def buy():
            http.post("https://pay.example/charges")
    """,
    "a retry whose region is two calls deep": """
        from durable_dsl import atomic, http, retry

        @retry(max_attempts=5)
        def buy():
            pay()

        def pay():
            charge()

        @atomic
        def charge():
            http.post("https://pay.example/charges")
    """,
    "a retry in a function that is only called in a region": """
        from durable_dsl import atomic, http, retry

        def buy():
            with atomic:
                pay()

        def pay():
            with retry(max_attempts=1):
                http.post("https://pay.example/charges")
    """,
    "a retry around a transaction that is tried again": """
        from durable_dsl import retry, transaction

        @retry(max_attempts=5)
        @transaction(retry=True)
        def buy(): ...
    """,
    "a retry around what is handed in": """
        from durable_dsl import atomic, http, retry

        def patiently(work):
            with retry(max_attempts=5):
                return work()

        @atomic
        def charge():
            http.post("https://pay.example/charges")
    """,
    "non_idempotent beside a region": """
        from durable_dsl import atomic, http, non_idempotent

        shelf = {}

        @non_idempotent
        def ship():
            with atomic:
                shelf["tea"] = 1
            http.post("https://ship.example/labels")
    """,
    "idempotent again inside": """
        from durable_dsl import atomic, http, idempotent, non_idempotent

        @non_idempotent
        def ship():
            with atomic, idempotent:
                http.post("https://ship.example/labels")
    """,
    "another level": """
        from durable_dsl import http, non_idempotent, persist

        @persist("smart")
        @non_idempotent
        def ship():
            http.post("https://ship.example/labels")
    """,
    "a key before the region, or after it": """
        from durable_dsl import atomic, http, idempotency_key

        def pay():
            key = idempotency_key()
            with atomic:
                http.post("https://pay.example/charges", idempotency_key=key)
            return idempotency_key()
    """,
    "a random key before the region, and random numbers of it that are no key": """
        import random, uuid
        from durable_dsl import atomic, http

        def pay():
            key = str(uuid.uuid4())
            with atomic:
                http.post("https://pay.example/charges", headers={"Idempotency-Key": key, "X-Trace": str(uuid.uuid4())})
                http.post("https://pay.example/charges", json=random.random(), idempotency_key=key)
            http.post("https://pay.example/charges", idempotency_key=str(uuid.uuid4()))
    """,
    "sleeps that are short as far as can be told": """
        import time
        from durable_dsl import atomic

        @atomic
        def pay():
            pause = 60
            pause = 1
            time.sleep(pause)
            wait(0.1)

        def wait(seconds=60):
            time.sleep(seconds)
    """,
    "a derived key": """
        from durable_dsl import atomic, http

        @atomic
        def pay():
            http.post("https://pay.example/charges", idempotency_key=True)
    """,
    "short sleeps, and long ones outside": """
        import time
        from durable_dsl import atomic

        def pay():
            time.sleep(3600)
            with atomic:
                time.sleep(9.9)
            later()

        def later():
            time.sleep(60)
    """,
    "another sleep": """
        from durable_dsl import atomic

        class Cat:
            def sleep(self, hours): ...

        @atomic
        def pay(time):
            Cat().sleep(100)
            time.sleep(100)
    """,
    "a time-out inside the region": """
        import asyncio
        from durable_dsl import atomic

        async def pay():
            with atomic:
                async with asyncio.timeout(5):
                    await ask()

        async def ask():
            await asyncio.wait_for(asyncio.sleep(1), 5)
    """,
    "waiting without cancelling": """
        import asyncio
        from durable_dsl import atomic

        async def pay():
            await asyncio.wait([asyncio.ensure_future(charge())], timeout=5)

        @atomic
        async def charge(): ...
    """,
    "a promise made in a region and awaited after it": """
        from durable_dsl import atomic, create_promise, http

        def approve():
            with atomic:
                promise = create_promise(bool)
                http.post("https://ask.example", json={"answer_to": promise.id})
            return promise.wait()
    """,
}


@pytest.mark.parametrize("name", FOUND)
def test_what_does_not_belong_in_a_region_is_found(tmp_path, name):
    """DSL503 to DSL509."""
    assert_finds(tmp_path, FOUND[name])


@pytest.mark.parametrize("name", NOT_FOUND)
def test_what_only_looks_like_it_is_not(tmp_path, name):
    """Near misses."""
    assert_finds(tmp_path, NOT_FOUND[name])


def test_a_delay_anywhere_around_a_region_is_enough(tmp_path):
    """DSL504 stays silent: the delay is said by a caller, inside the region, or the region is only part of another."""
    source = """
        from durable_dsl import atomic, http, retry

        @retry(min_delay="1s")
        def buy():
            pay()

        @atomic
        def pay():
            charge()

        @atomic
        def charge():
            http.post("https://pay.example/charges")

        @atomic
        @retry(min_delay=1)
        def other():
            http.post("https://pay.example/charges")
    """
    write(tmp_path, {"app.py": source})

    assert [] == [finding for finding in report_of(tmp_path, "app.py").findings if finding.code == "DSL504"]


def test_the_way_to_an_effect_is_said(tmp_path):
    """Two calls deep: every call with its place, and the region as a related place."""
    source = """
        import time
        from durable_dsl import atomic

        def pay():
            with atomic:
                charge()

        def charge():
            wait()

        def wait():
            time.sleep(30)
    """
    write(tmp_path, {"app.py": source})
    [finding] = [each for each in report_of(tmp_path, "app.py").findings if each.code == "DSL507"]

    assert finding.message == (
        "time.sleep(30) stands inside `with atomic` (app.py:5), by pay → charge (app.py:6) → wait (app.py:9)"
    )
    assert [(each.file, each.line) for each in finding.related] == [("app.py", 5), ("app.py", 6), ("app.py", 9)]
