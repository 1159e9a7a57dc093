"""What a transaction has done so far, and undoing it: scopes, finished steps, and the rules of who may add one.

A scope is a transaction, a step inside one, or an undo. The running task knows its innermost scope by a context
variable, so that a task which is started inside has it too. Only an open scope takes steps: a task that goes on after
its transaction has ended is refused before its operation does anything, for nobody would undo it.

Decisions. An operation that has returned stands for what it did: steps inside it are forgotten then, as its own undo
covers them. If it fails, its finished steps stay, and are undone. Nothing that an undo calls is a step. A transaction
that repeats jumps back in the oplog, so while it is open no other task may run steps: they would be forgotten.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from durable_dsl.binding.open_steps import show
from durable_dsl.binding.state import call, innermost_scope, open_atomic_region
from durable_dsl.errors import NOT_UNDONE, RegionError, TransactionFailed, TransactionStep
from durable_dsl.regions import in_unrecorded_zone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextvars import Token


class Finished:
    """A step that has returned: what it was, how it is undone, and the scope it was called in."""

    __slots__ = ("abandoned", "scope", "step", "undo")

    def __init__(self, step: TransactionStep, undo: Callable[[], Any]) -> None:
        self.step = step
        self.undo = undo
        self.scope: Scope | None = None
        #: Its caller was cancelled, and does not know that it was done.
        self.abandoned = False


class Scope:
    """A transaction, a step or an undo; `parent` is the scope that it was opened in."""

    #: Whether what is called inside is to be undone with the transaction.
    collects = True

    def __init__(self, parent: Scope | None, name: str) -> None:
        self.parent = parent
        self.name = name
        self.open = True

    def lineage(self) -> Iterator[Scope]:
        """This scope and those around it, innermost first."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


class StepScope(Scope):
    """An operation that runs."""

    def __init__(self, parent: Scope, name: str) -> None:
        super().__init__(parent, name)
        #: What it came to, once it has returned; and whether its caller was cancelled before.
        self.finished: Finished | None = None
        self.abandoned = False

    def abandon(self) -> None:
        """Its caller was cancelled."""
        self.abandoned = True
        if self.finished is not None:
            self.finished.abandoned = True


class UndoScope(Scope):
    """An undo that runs: what it calls is no step of anything."""

    collects = False


class TransactionScope(Scope):
    """A transaction: its finished steps, oldest first."""

    def __init__(self, name: str, *, waits: bool, repeats: bool) -> None:
        _check_transaction(name, waits=waits, repeats=repeats)
        super().__init__(innermost_scope.get(), name)
        #: Whether it can wait: for operations of other tasks, and for undos that are coroutines.
        self.waits = waits
        #: Whether it jumps back in the oplog and does everything again.
        self.repeats = repeats
        self.steps: list[Finished] = []
        #: Steps that could not be undone: of nested transactions, and of this one while it undoes.
        self.remains: list[TransactionStep] = []
        #: What runs, and can be waited for: operations and nested transactions that are coroutines.
        self.running: dict[Any, Scope] = {}
        self._token: Token[Any] = innermost_scope.set(self)
        call.transactions.append(self)

    def finish(self, scope: StepScope, finished: Finished) -> None:
        """Note a step that has returned; it covers those inside it."""
        self.steps = [each for each in self.steps if each.scope is None or scope not in each.scope.lineage()]
        finished.scope = scope.parent
        finished.abandoned = scope.abandoned
        scope.finished = finished
        self.steps.append(finished)
        call.steps += 1
        show_open_steps()

    def hand_over(self) -> None:
        """Succeed: what was done is the outer transaction's to undo, if there is one."""
        outer = transaction_of(self.parent)
        if outer is not None:
            for each in self.steps:
                each.scope = self.parent
            outer.steps += self.steps
        self.steps = []

    def undoing(self, *, only_abandoned: bool = False) -> Iterator[tuple[Finished, UndoScope]]:
        """The steps to undo, newest first, each with its scope. A step stays in the list until its undo is over."""
        for each in reversed(self.steps[:]):
            if each.abandoned or not only_abandoned:
                yield each, UndoScope(self, f"the undo of {each.step.operation}")
                self.steps.remove(each)
                show_open_steps()

    def close(self, failed: TransactionFailed | None = None) -> None:
        """End; what could not be undone is known to the outer transaction, in case it fails too."""
        self.open = False
        if self in call.transactions:
            call.transactions.remove(self)
        if not call.transactions:
            call.steps_at.clear()
        outer = transaction_of(self.parent)
        if outer is not None and failed is not None:
            outer.remains += failed.not_undone
        show_open_steps()
        if innermost_scope.get() is self:
            innermost_scope.reset(self._token)

    def note_on(self, failure: BaseException) -> None:
        """Note on `failure`, which ends the instance, the finished steps that nobody undoes, newest first."""
        for step in self.left():
            failure.add_note(f"{NOT_UNDONE}{step}")

    def left(self) -> list[TransactionStep]:
        """The finished steps that are not undone, newest first."""
        return [*(each.step for each in reversed(self.steps)), *self.remains]


def show_open_steps() -> None:
    """Let a host that ends the guest without a word know what is not undone."""
    if sys.platform == "wasi":
        show(step for transaction in reversed(call.transactions) for step in transaction.left())


def transaction_of(scope: Scope | None) -> TransactionScope | None:
    """The transaction that takes the steps of `scope`: none if there is an undo between."""
    while scope is not None and scope.collects:
        if isinstance(scope, TransactionScope):
            return scope
        scope = scope.parent
    return None


def _check_transaction(name: str, *, waits: bool, repeats: bool) -> None:
    """Raise a RegionError where the running task stands if there can be no transaction."""
    parent: Scope | None = innermost_scope.get()
    _refuse_unrecorded(f"a transaction ({name})")
    if open_atomic_region() is not None:
        raise RegionError(
            f"a transaction ({name}) cannot be opened inside an atomic region: until the region ends its steps are "
            f"not on record one by one, and a failure would do all of them again instead of undoing them. "
            f"Put the atomic region inside the transaction, or drop it"
        )
    around = [] if parent is None else list(parent.lineage())
    if parent is not None:
        _refuse_ended(parent, f"a transaction ({name})")
        outer = transaction_of(parent)
        if waits and outer is not None and not outer.waits:
            raise _cannot_wait(f"a transaction of coroutines ({name})", outer)
    elsewhere = [each for each in call.transactions if each not in around]
    if any(repeats or each.repeats for each in elsewhere):
        raise _not_alone(name)
    outer_ones = [each for each in around if isinstance(each, TransactionScope)]
    if repeats and any(each not in around for outer in outer_ones for each in outer.running.values()):
        raise _not_alone(name)


def open_step(name: str, *, waits: bool) -> StepScope | None:
    """The scope of an operation that is called here, None where it is no step; or a RegionError."""
    scope: Scope | None = innermost_scope.get()
    if scope is None:
        return None
    _refuse_ended(scope, f"the operation {name}")
    transaction = transaction_of(scope)
    if transaction is None:
        return None
    if transaction not in call.transactions:
        raise RegionError(f"the operation {name} is called in another thread than its transaction: call it in the same")
    _refuse_unrecorded(f"the operation {name}")
    if waits and not transaction.waits:
        raise _cannot_wait(f"the operation {name}, which is a coroutine", transaction)
    around = list(scope.lineage())
    if any(each.repeats and each not in around for each in call.transactions):
        raise _not_alone(name)
    return StepScope(scope, name)


def _refuse_ended(scope: Scope, what: str) -> None:
    for each in scope.lineage():
        if not each.open:
            raise RegionError(
                f"{what} is called in a task that was started inside {each.name}, which has ended or is being undone: "
                f"nothing would undo it any more. Await the tasks that run steps inside the transaction"
            )
        if not each.collects:  # what is around an open undo takes no steps any more, and is not asked to
            return


def _refuse_unrecorded(what: str) -> None:
    if in_unrecorded_zone():
        raise RegionError(
            f"{what} cannot run in a persist-nothing zone: its steps would not be on record, and each recovery would "
            f"do them again. Leave the zone first"
        )


def _not_alone(name: str) -> RegionError:
    return RegionError(
        f"{name} cannot run here: a transaction with retry=True goes back in the oplog when it fails, and with it "
        f"everything that other tasks have done meanwhile. While one is open no other task may run operations or "
        f"transactions; run them one after the other, or without retry=True"
    )


def _cannot_wait(what: str, outer: TransactionScope) -> RegionError:
    return RegionError(
        f"{what} is called inside {outer.name}, which cannot wait for it: "
        f"write `async with transaction():`, or put @transaction on an async def"
    )
