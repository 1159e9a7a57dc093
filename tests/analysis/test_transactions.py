"""DSL510 to DSL512 and DSL521: operations, their undos, and what a transaction leaves done."""

from __future__ import annotations

import inspect

import pytest

from durable_dsl.errors import MarkError
from tests.analysis.checked import assert_finds, report_of, write

HEAD = """
from durable_dsl import atomic, http, operation, persist, transaction

"""

#: An operation and its undo, and whether they fit.
PAIRS = {
    "result and input": ("def undo(seat, flight): ...", "def book(flight): ...", True),
    "further names": ("def undo(result, *given): ...", "def book(flight, name='x'): ...", True),
    "too few": ("def undo(result): ...", "def book(flight): ...", False),
    "too many": ("def undo(result, flight, why): ...", "def book(flight): ...", False),
    "more with a default": ("def undo(result, flight, why=''): ...", "def book(flight): ...", True),
    "nothing": ("def undo(): ...", "def book(): ...", False),
    "only the result": ("def undo(result): ...", "def book(): ...", True),
    "keywords": ("def undo(result, *, flight): ...", "def book(*, flight): ...", True),
    "unknown keyword": ("def undo(result): ...", "def book(*, flight): ...", False),
    "a keyword that the operation has not": ("def undo(result, *, why): ...", "def book(): ...", False),
    "rest": ("def undo(result, *given, **named): ...", "def book(*given, **named): ...", True),
    "rest that it does not take": ("def undo(result): ...", "def book(*given): ...", False),
    "a coroutine for a plain function": ("async def undo(result): ...", "def book(): ...", False),
    "a coroutine for a coroutine": ("async def undo(result): ...", "async def book(): ...", True),
    "a plain function for a coroutine": ("def undo(result): ...", "async def book(): ...", True),
    "a generator": ("def undo(result):\n    yield", "def book(): ...", False),
    "a lambda": ("undo = lambda result: None", "def book(): ...", True),
    "a lambda that does not fit": ("undo = lambda: None", "def book(): ...", False),
    "no function": ("undo = 'cancel'", "def book(): ...", False),
}


@pytest.mark.parametrize("name", PAIRS)
def test_an_undo_is_judged_as_it_is_when_the_decorator_runs(tmp_path, name):
    """DSL511 says of the source what durable_dsl says at import."""
    undo, book, fits = PAIRS[name]
    source = f"{HEAD}{undo}\n\n@operation(compensate=undo)\n{book}\n"
    write(tmp_path, {"app.py": source})
    try:
        exec(compile(source, "app.py", "exec"), {})
        accepted = True
    except MarkError:
        accepted = False

    assert accepted is fits
    assert fits is not any(each.code == "DSL511" for each in report_of(tmp_path, "app.py").findings)


FOUND = {
    "no compensation": """
        from durable_dsl import operation

        @operation  # finds DSL510
        def book(): ...

        @operation(compensate=None)  # finds DSL510
        def rent(): ...
    """,
    "a method's undo without the object": """
        from durable_dsl import operation

        class Trip:
            def cancel(result, flight): ...

            @operation(compensate=cancel)  # finds DSL511
            def book(self, flight): ...
    """,
    "a call that nothing undoes": """
        from durable_dsl import http, operation, transaction

        @transaction
        def trip():
            http.post("https://fly.example/bookings")  # finds DSL512
            rent()

        def give_back(result): ...

        @operation(compensate=give_back)
        def rent():
            http.post("https://cars.example/rentals")
    """,
    "a transaction in a region": """
        from durable_dsl import atomic, transaction

        @atomic
        def trip():
            book()

        @transaction  # finds DSL521
        def book(): ...
    """,
    "a block where nothing is recorded": """
        from durable_dsl import persist, transaction

        @persist("persist-nothing")
        def trip():
            with transaction:  # finds DSL521
                pass
    """,
}

NOT_FOUND = {
    "a method and its undo": """
        from durable_dsl import http, operation, transaction

        class Trip:
            def cancel(self, result, flight):
                http.delete(f"https://fly.example/bookings/{result}")

            @operation(compensate=cancel)
            def book(self, flight):
                return http.post("https://fly.example/bookings", json=flight).text

            @transaction
            def run(self):
                http.get("https://fly.example/prices")
                self.book("F-1")
                print("booked")
    """,
    "a static undo of a method": """
        from durable_dsl import operation

        class Trip:
            @staticmethod
            def cancel(result, flight): ...

            @operation(compensate=cancel)
            def book(self, flight): ...
    """,
    "an undo whose decorator may take anything": """
        from durable_dsl import operation
        from elsewhere import flexible

        @flexible
        def cancel(): ...

        @operation(compensate=cancel)
        def book(flight): ...
    """,
    "the last call": """
        from durable_dsl import http, transaction

        @transaction
        def trip():
            http.post("https://mail.example/messages")
    """,
    "an atomic operation": """
        from durable_dsl import atomic, http, operation, transaction

        def cancel(result): ...

        @operation(compensate=cancel)
        @atomic
        def book():
            http.post("https://fly.example/bookings")

        @transaction
        def trip():
            book()
            book()
    """,
}


@pytest.mark.parametrize("name", FOUND)
def test_what_a_transaction_cannot_do_is_found(tmp_path, name):
    """DSL510, DSL511, DSL512, DSL521."""
    assert_finds(tmp_path, FOUND[name])


@pytest.mark.parametrize("name", NOT_FOUND)
def test_sound_transactions_are_left_alone(tmp_path, name):
    """Near misses."""
    assert_finds(tmp_path, NOT_FOUND[name])


def test_the_fix_is_written_out(tmp_path):
    """The hint is a definition that fits."""
    source = f"{HEAD}def cancel(flight): ...\n\n@operation(compensate=cancel)\ndef book(flight, *, seat): ...\n"
    write(tmp_path, {"app.py": source})
    [finding] = report_of(tmp_path, "app.py").findings
    namespace = {}
    exec(f"{finding.hint.removeprefix('write ')}: ...", namespace)

    assert "(result, flight, *, seat)" == str(inspect.signature(namespace["cancel"]))
