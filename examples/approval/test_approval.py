"""Approvals in plain Python, against the real desk."""

from __future__ import annotations

import threading

import approval
import pytest
from approval import Decision, Expense, Outcome
from desk import Desk

from durable_dsl import Promise

CHAIR = Expense("e-1", 25_000, "a chair")


@pytest.fixture
def desk(monkeypatch):
    """A desk of the test's own."""
    desk = Desk()
    monkeypatch.setenv("DESK", f"http://{desk.address}")
    yield desk
    desk.close()


def answers(decision):
    """What an approver does who decides so, a little later."""
    return lambda promise: threading.Timer(0.02, Promise.from_id(promise, Decision).complete, [decision]).start()


def test_small_expenses_are_paid_at_once(desk):
    """Nobody is asked."""
    assert approval.submit(Expense("e-0", 500, "pens")) is Outcome.PAID
    assert desk.requests == ["/payments"]


def test_an_approved_expense_is_paid(desk):
    """The question says what is to be approved; the answer comes from another thread."""
    desk.on_question = answers(Decision(approved=True, by="ann"))

    assert approval.submit(CHAIR) is Outcome.PAID
    assert desk.payments == {"e-1": 25_000}
    assert list(desk.questions.values()) == [{"id": "e-1", "cents": 25_000, "what": "a chair"}]


def test_a_refused_expense_is_not(desk):
    """And the answer may be no."""
    desk.on_question = answers(Decision(approved=False, by="bob", note="too many chairs"))

    assert approval.submit(CHAIR) is Outcome.REFUSED
    assert desk.payments == {}


def test_nobody_answers(desk, monkeypatch):
    """The deadline decides, and an answer after it does not count."""
    monkeypatch.setenv("DEADLINE", "50ms")

    assert approval.submit(CHAIR) is Outcome.EXPIRED
    assert not Promise.from_id(desk.question(), Decision).complete(Decision(approved=True, by="ann"))
