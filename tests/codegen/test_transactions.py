"""Transactions in the build: faults with their places, and wrappers that know what a transaction is opened in."""

from __future__ import annotations

import pytest

from tests.codegen.projects import MOVE, faults_of, places

HEAD = """from durable_dsl import atomic, operation, persist, transaction
from durable_dsl import export

def undo(result): pass
"""


def app(text):
    return {"orders.py": f"{HEAD}{text}\n{MOVE}"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@atomic\n@transaction\ndef place(order): return order.id", [("DSL701", "orders.py:5")]),
        ("@export\n@atomic\n@transaction\ndef place(order): return order.id", [("DSL701", "orders.py:6")]),
        ("@persist('persist-nothing')\n@transaction\ndef place(order): return order.id", [("DSL701", "orders.py:5")]),
        ("@transaction\n@atomic\ndef place(order): return order.id", []),
        ("@export\n@persist\n@transaction(retry=True)\ndef place(order): return order.id", []),
        ("def place(order):\n    with atomic, transaction:\n        return order.id", [("DSL701", "orders.py:6")]),
        (
            "@persist(level='persist-nothing')\ndef place(order):\n    with transaction():\n        return order.id",
            [("DSL701", "orders.py:7")],
        ),
        ("def place(order):\n    with transaction, atomic:\n        return order.id", []),
        (
            "def place(order): return order.id\ndef each():\n    with transaction:\n        yield 1",
            [("DSL009", "orders.py:8")],
        ),
        ("@operation(compensate=undo)\ndef place(order): return order.id", [("DSL702", "orders.py:5")]),
        ("@operation\ndef place(order): return order.id", [("DSL702", "orders.py:5")]),
        ("@transaction\ndef place(order): yield order.id", [("DSL008", "orders.py:5"), ("DSL207", "orders.py:6")]),
    ],
)
def test_faults(tmp_path, text, expected):
    """Each where the user wrote it, all of them in one build."""
    assert expected == places(faults_of(tmp_path, app(text)))


def test_the_wrapper_says_what_is_open(tmp_path):
    """A transaction asks whether it is in an atomic region or in a persist-nothing zone that the wrapper opened."""
    marked = "{}\ndef place(order):\n    return inner(order)\n\n@transaction\ndef inner(order):\n    return order.id\n"
    assert [] == places(faults_of(tmp_path, app(marked.format("@atomic"))))
    wrapper = (tmp_path / "emitted" / "durable_wrapper.py").read_text()
    assert "call.atomic.append(region)" in wrapper
    assert [] == places(faults_of(tmp_path, app(marked.format('@persist("persist-nothing")'))))
    wrapper = (tmp_path / "emitted" / "durable_wrapper.py").read_text()
    assert wrapper.index("call.unrecorded += 1") < wrapper.index("call.unrecorded -= 1")
