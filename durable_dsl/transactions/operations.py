"""`@operation(compensate=undo)`: a function whose effect a transaction can undo.

Inside a transaction a call that returns is a finished step, and the transaction keeps what its undo needs: the result
and the input, with defaults filled in. Outside of transactions, and inside an undo, the function just runs.

How an undo is called: `undo(result, *input)`; for a method `undo(self, result, *input)`, so that it can be a method
too. A function counts as a method if its first parameter is called self or cls. Whether the undo can be called so is
checked when the decorator runs.
"""

from __future__ import annotations

import inspect
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, ParamSpec, TypeVar, overload

from durable_dsl.binding.state import innermost_scope
from durable_dsl.errors import MarkError, RegionError, TransactionStep
from durable_dsl.marks.collecting import refuse, refuse_unknown
from durable_dsl.marks.marked import NamedFunction, checked, position
from durable_dsl.transactions.steps import Finished, StepScope, open_step, transaction_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["operation"]

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")

_ABSENT: Final[Any] = object()
_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Compensated(Generic[P, R]):
    """What `operation(compensate=undo)` gives: it decorates a function whose result and input `undo` takes."""

    def __init__(self, undo: Any) -> None:
        self._undo = undo

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]: ...  # type: ignore[overload-overlap]
    @overload
    def __call__(
        self: Compensated[Concatenate[T, Q], S], function: Callable[Concatenate[S, Q], Coroutine[Any, Any, T]], /
    ) -> Callable[Concatenate[S, Q], Coroutine[Any, Any, T]]: ...
    @overload
    def __call__(
        self: Compensated[Concatenate[T, Q], S], function: Callable[Concatenate[S, Q], T], /
    ) -> Callable[Concatenate[S, Q], T]: ...
    def __call__(self, function: Any, /) -> Any:
        try:
            return _operation(function, self._undo)
        except MarkError as fault:
            refuse(MarkError(fault.code, fault.message, fault.hint, *position(2)))
            return function


if TYPE_CHECKING:

    def operation(*, compensate: Callable[Concatenate[R, P], object]) -> Compensated[P, R]:
        """A function whose effect `compensate` undoes, when a transaction that has called it fails.

        `compensate(result, *input)` gets what the function returned and what it was called with, defaults filled in;
        for a method `compensate(self, result, *input)`. After a crash that came while it ran it is called again, so
        it must not mind: "cancel the booking F-1", not "give back 5". Raises MarkError DSL702 if it cannot be called
        so, RegionError in a task that has outlived its transaction, in a persist-nothing zone, and for a coroutine in
        a transaction that cannot wait for it.
        """
        raise NotImplementedError  # below
else:  # what type checkers refuse is answered with a fault, which needs to be accepted first

    def operation(*not_arguments: object, compensate: Any = _ABSENT, **unknown: object) -> Any:
        if refuse_unknown("operation", unknown):
            return _unchanged
        if compensate is not _ABSENT and not not_arguments:
            return Compensated(compensate)
        refuse(
            MarkError(
                "DSL702",
                "operation without compensate: nothing says how its effect is undone",
                "write @operation(compensate=undo); if there is nothing to undo, leave the decorator out",
                *position(1),
            )
        )
        return not_arguments[0] if not_arguments else _unchanged


def _unchanged(function: Any) -> Any:
    return function


def _operation(function: Any, undo: Any) -> NamedFunction:
    plan = _Plan(function, undo)
    return NamedFunction(function, plan.call_async if plan.is_async else plan.call)


class _Plan:
    """An operation and its undo: everything about a call that is known before it."""

    def __init__(self, function: Any, undo: Any) -> None:
        self.name, self.is_async = checked("operation", function)
        self._signature = _signature_of(function)
        parameters = list(self._signature.parameters.values())
        #: Whether calls hand over the object of a method, and whether the undo takes it first.
        self._takes_object = not (isinstance(function, staticmethod) or inspect.ismethod(function))
        self._of_method = (
            self._takes_object
            and bool(parameters)
            and (isinstance(function, classmethod) or parameters[0].name in {"self", "cls"})
        )
        self._object_first = self._of_method and not isinstance(undo, staticmethod)
        self.undo: Any = getattr(undo, "__func__", undo) if isinstance(undo, (classmethod, staticmethod)) else undo
        self._check_undo(parameters)

    def _check_undo(self, parameters: list[inspect.Parameter]) -> None:
        """Refuse an undo that cannot be called with the result and the input."""
        shape = f"{_name(self.undo)}({', '.join(self._undo_takes(parameters))})"
        if not callable(self.undo):
            raise MarkError(
                "DSL702", f"compensate of {self.name} is {self.undo!r}, which cannot be called", f"give {shape}"
            )
        target = inspect.unwrap(self.undo)
        if inspect.isgeneratorfunction(target) or inspect.isasyncgenfunction(target):
            raise MarkError("DSL702", f"compensate of {self.name} is a generator, which does nothing when it is called")
        if inspect.iscoroutinefunction(target) and not self.is_async:
            hint = f"make {self.name} an async def, or {_name(self.undo)} a def"
            raise MarkError(
                "DSL702", f"compensate of {self.name} is a coroutine, which a plain function's cannot be", hint
            )
        try:
            signature = inspect.signature(self.undo)
        except (ValueError, TypeError):  # written in C: nothing is known of it
            return
        rest = parameters[1:] if self._of_method else parameters
        count = 1 + self._object_first + sum(each.kind in _POSITIONAL for each in rest)
        keywords = {each.name: None for each in rest if each.kind is inspect.Parameter.KEYWORD_ONLY}
        kinds = {each.kind for each in rest} & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
        taken = {each.kind for each in signature.parameters.values()}
        try:
            signature.bind(*[None] * count, **keywords)
        except TypeError as error:
            reason = str(error)
        else:
            if kinds <= taken:
                return
            reason = "it takes a fixed number of arguments, the operation does not"
        raise MarkError(
            "DSL702",
            f"compensate of {self.name} cannot be called with its result and its input: {reason}",
            f"write def {shape}",
        )

    def _undo_takes(self, parameters: list[inspect.Parameter]) -> list[str]:
        names = [str(each.replace(annotation=inspect.Parameter.empty)) for each in parameters]
        if self._object_first:
            return [names[0], "result", *names[1:]]
        return ["result", *(names[1:] if self._of_method else names)]

    def _prepared(
        self, instance: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Callable[[Any], Finished]:
        """What makes a finished step of a result. All that can fail is done now, before the operation runs."""
        if instance is not None and self._takes_object:
            arguments = (instance, *arguments)
        bound = self._signature.bind(*arguments, **keywords)
        bound.apply_defaults()
        given, named = bound.args, bound.kwargs
        owner, given = (given[:1], given[1:]) if self._of_method else ((), given)

        def finished(result: Any) -> Finished:
            first = owner if self._object_first else ()
            step = TransactionStep(self.name, given, named, result)
            return Finished(step, partial(self.undo, *first, result, *given, **named))

        return finished

    def call(self, wrapped: Any, instance: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Run a plain function, and note that it was done."""
        scope = open_step(self.name, waits=False)
        if scope is None:
            return wrapped(*arguments, **keywords)
        finished = self._prepared(instance, arguments, keywords)
        transaction = transaction_of(scope)
        assert transaction is not None
        token = innermost_scope.set(scope)
        try:
            result = wrapped(*arguments, **keywords)
        finally:
            scope.open = False
            innermost_scope.reset(token)
        if inspect.iscoroutine(result):
            result.close()
            raise RegionError(
                f"the operation {self.name} is a plain function that gives a coroutine, which has not run yet: "
                f"put @operation on the async def itself"
            )
        transaction.finish(scope, finished(result))
        return result

    async def call_async(
        self, wrapped: Any, instance: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        """Run a coroutine in a task of its own, which goes on to its end if the caller is cancelled."""
        scope = open_step(self.name, waits=True)
        if scope is None:
            return await wrapped(*arguments, **keywords)
        finished = self._prepared(instance, arguments, keywords)
        asyncio = sys.modules["asyncio"]  # a coroutine runs, so somebody has imported it
        task = asyncio.ensure_future(_perform(scope, wrapped(*arguments, **keywords), finished))
        transaction = transaction_of(scope)
        assert transaction is not None
        transaction.running[task] = scope
        task.add_done_callback(partial(_done, transaction.running))
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            scope.abandon()
            raise
        return task.result()


async def _perform(scope: StepScope, coroutine: Coroutine[Any, Any, Any], finished: Callable[[Any], Finished]) -> Any:
    transaction = transaction_of(scope)
    assert transaction is not None
    innermost_scope.set(scope)
    try:
        result = await coroutine
    finally:
        scope.open = False
    transaction.finish(scope, finished(result))
    return result


def _done(running: dict[Any, Any], task: Any) -> None:
    running.pop(task, None)
    if not task.cancelled():
        task.exception()  # seen: a caller that was cancelled does not ask


def _signature_of(function: Any) -> inspect.Signature:
    return inspect.signature(function.__func__ if isinstance(function, (classmethod, staticmethod)) else function)


def _name(undo: Any) -> str:
    return str(getattr(undo, "__name__", "undo"))
