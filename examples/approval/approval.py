"""An expense is paid once a person has approved it, however long that takes and whatever crashes meanwhile.

The worker asks the approvers' desk over HTTP and gives it the id of a promise. Then it waits, without memory or
process, until somebody completes the promise: through the desk, from the command line, from another program. After
the deadline it completes the promise itself, so that there is one decision, whoever was first.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from enum import Enum

from durable_dsl import Promise, create_promise, export, http
from durable_dsl.types import u64

#: Cents up to which nobody is asked.
LIMIT = 10_000


@dataclass
class Expense:
    """What somebody wants back."""

    id: str
    cents: u64
    what: str


@dataclass
class Decision:
    """What the approver says: the JSON that completes the promise."""

    approved: bool
    by: str
    note: str = ""


class Outcome(Enum):
    """What became of an expense."""

    PAID = "paid"
    REFUSED = "refused"
    EXPIRED = "expired"


EXPIRED = Decision(approved=False, by="the deadline")


@export
def submit(expense: Expense) -> Outcome:
    """Pay small expenses at once and others once they are approved."""
    if expense.cents > LIMIT:
        decision = decide(ask(expense))
        print(f"{expense.id}: {'approved' if decision.approved else 'refused'} by {decision.by}")
        if not decision.approved:
            return Outcome.EXPIRED if decision == EXPIRED else Outcome.REFUSED
    pay(expense)
    return Outcome.PAID


def ask(expense: Expense) -> Promise[Decision]:
    """Put the question to the desk; a repeated question has the same key, and is one question."""
    promise = create_promise(Decision)
    question = {"expense": asdict(expense), "answer-to": promise.id}
    http.post(f"{os.environ['DESK']}/questions", json=question, idempotency_key=promise.id).raise_for_status()
    return promise


def decide(promise: Promise[Decision]) -> Decision:
    """The answer, or that there was none in time."""
    try:
        return promise.wait(timeout=os.environ.get("DEADLINE", "48h"))
    except TimeoutError:
        promise.complete(EXPIRED)  # from here on an answer is too late
        return promise.wait()  # and this is the one that came first


def pay(expense: Expense) -> None:
    """Paid once: the expense's id is the key by which the desk knows a repeated request."""
    body = {"cents": expense.cents, "for": expense.what}
    http.post(f"{os.environ['DESK']}/payments", json=body, idempotency_key=expense.id).raise_for_status()
