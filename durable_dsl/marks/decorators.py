"""Marks: the words of the DSL as decorators, each also a `with` block.

A mark is a record on a function. The build compiles the marks of an exported function into the wrapper, from the top
down to the first decorator that isn't ours; everywhere else a mark acts when the function is called, through the
region of the same name. Neighbouring marks share one wrapt proxy, so signature, name, docstring and source of the
function stay what they were, and the proxy pickles by name as a function does.

A bad mark raises `MarkError` with the user's file and line. While a build collects faults it is noted instead and the
function is returned unmarked, so that all faults come out in one run.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, overload

from durable_dsl import policy
from durable_dsl.errors import MarkError
from durable_dsl.marks.bearers import check_bearer, check_neighbours
from durable_dsl.marks.collecting import Unmarked, note_export, refuse, refuse_unknown
from durable_dsl.marks.exporting import ExportCall
from durable_dsl.marks.marked import Mark, position, with_mark
from durable_dsl.policy import PersistenceLevel
from durable_dsl.regions import (
    AtomicRegion,
    CommitRegion,
    IdempotenceRegion,
    PersistRegion,
    Region,
    RetryRegion,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from durable_dsl.policy import Duration, Level

__all__ = ["atomic", "commit", "export", "idempotent", "non_idempotent", "persist", "retry"]

F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any]")
C = TypeVar("C", bound="Callable[..., Any] | classmethod[Any, Any, Any] | staticmethod[Any, Any] | type[Any]")

#: The attribute that `@export` sets on a class.
EXPORT_ATTRIBUTE: Final = "__durable_export__"

_ABSENT: Final[Any] = object()


class _Word(Region):
    """What all words share: becoming a mark on a function."""

    kind: str

    def _arguments(self) -> Mapping[str, object]:
        raise NotImplementedError

    def _mark(self, function: Any) -> Any:
        mark = Mark(self.kind, self.word, self._arguments(), *position(2))
        try:
            check_bearer(function, mark)
            check_neighbours(mark, function)
        except MarkError as fault:
            refuse(MarkError(fault.code, fault.message, fault.hint, mark.file, mark.line))
            return function
        return with_mark(function, mark, self)


class Atomic(_Word, AtomicRegion):
    """`@atomic`, `with atomic:`: all of it is done again after a crash or failure, until its end is on record.

    It ends on a normal return and on domain errors only. `commit_on` adds exception types on which it ends too;
    `commit_on=()` leaves it open even for domain errors, which then trap. An unfinished region runs again as a
    whole, non-idempotent calls in it too. Inside a function that is not an export, a failure that leaves the region
    ends the instance at once: it can be handled inside the region, not around it.
    """

    kind = "atomic"

    def _arguments(self) -> Mapping[str, object]:
        return {"commit_on": self.commit_on}

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(self, *, commit_on: type[BaseException] | tuple[type[BaseException], ...] = ...) -> Atomic: ...
    def __call__(self, function: Any = _ABSENT, /, *, commit_on: Any = _ABSENT, **unknown: Any) -> Any:  # type: ignore[misc]
        if refuse_unknown(self.word, unknown):
            return self
        if function is not _ABSENT:
            return self._mark(function)
        if commit_on is _ABSENT:
            return self
        types = commit_on if isinstance(commit_on, tuple) else (commit_on,)
        if not all(isinstance(item, type) and issubclass(item, BaseException) for item in types):
            fault = MarkError("DSL010", f"commit_on is {commit_on!r}", "give an exception class or a tuple of them")
            refuse(fault)
            return self
        return Atomic(types)


class Persist(_Word, PersistRegion):
    """`@persist(level=…)`, `with persist(…)`: the code runs under another persistence level.

    With "persist-nothing" nothing is recorded and every call is performed again on each recovery.
    """

    kind = "persist"

    def _arguments(self) -> Mapping[str, object]:
        return {"level": self.level}

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(self, level: Level = ...) -> Persist: ...
    def __call__(  # type: ignore[misc]
        self, function: Any = _ABSENT, /, level: Any = PersistenceLevel.SMART, **unknown: Any
    ) -> Any:
        if refuse_unknown(self.word, unknown):
            return Unmarked()
        wanted = level if function is _ABSENT else function
        try:
            return _PERSIST[wanted]  # a block asks for its region each time it is entered
        except (KeyError, TypeError):
            pass
        if _is_function(function):
            return self._mark(function)
        try:
            return _PERSIST[policy.persistence_level(wanted)]
        except MarkError as fault:
            refuse(fault)
            return Unmarked()


class Idempotence(_Word, IdempotenceRegion):
    """`@non_idempotent` and `@idempotent`: may a remote write of unknown outcome be sent again?

    With `non_idempotent`, outside atomic regions and persist-nothing zones, a remote write is sent at most once: one
    that was cut off is never sent again, and the worker fails instead.
    """

    kind = "idempotence"

    def _arguments(self) -> Mapping[str, object]:
        return {"idempotent": self.idempotent}

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(self) -> Idempotence: ...
    def __call__(self, function: Any = _ABSENT, /, **unknown: Any) -> Any:  # type: ignore[misc]
        refuse_unknown(self.word, unknown)
        return self if function is _ABSENT else self._mark(function)


class Commit(_Word, CommitRegion):
    """`@commit`, `with commit(replicas=1)`: after the body the oplog is committed to that many replicas.

    Under `@atomic` it does not commit the region's end; it is meant as the outer mark.
    """

    kind = "commit"

    def _arguments(self) -> Mapping[str, object]:
        return {"replicas": self.replicas}

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(self, replicas: int = ...) -> Commit: ...
    def __call__(self, function: Any = _ABSENT, /, replicas: Any = 1, **unknown: Any) -> Any:  # type: ignore[misc]
        if refuse_unknown(self.word, unknown):
            return Unmarked()
        if _is_function(function):
            return self._mark(function)
        count = replicas if function is _ABSENT else function
        try:
            return Commit(policy.replica_count(count))
        except MarkError as fault:
            refuse(fault)
            return Unmarked()


class Retry(_Word, RetryRegion):
    """The mark that `retry(…)` makes."""

    kind = "retry"

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        super().__init__({_HOST_FIELDS[name]: value for name, value in arguments.items()})
        self.arguments = dict(arguments)

    def _arguments(self) -> Mapping[str, object]:
        return self.arguments

    def __call__(self, function: F, /) -> F:
        marked: F = self._mark(function)
        return marked


_HOST_FIELDS: Final = {
    "max_attempts": "max_attempts",
    "min_delay_ns": "min_delay",
    "max_delay_ns": "max_delay",
    "multiplier": "multiplier",
    "jitter": "max_jitter_factor",
}


class RetryWord:
    """`retry(max_attempts=…, min_delay=…, max_delay=…, multiplier=…, jitter=…)`: when and how often to run again.

    `max_attempts=M` means M retries after the first run, Golem's counting (0 = never again). The k-th retry waits
    `min_delay × multiplier^(k-1)`, at most `max_delay`. What is left out keeps its value. `retry` says when and how
    often; `atomic` says what is done again: without a region around the effect a retry only replays the recorded
    failure.
    """

    if TYPE_CHECKING:

        def __call__(
            self,
            *,
            max_attempts: int = ...,
            min_delay: Duration = ...,
            max_delay: Duration = ...,
            multiplier: float = ...,
            jitter: float = ...,
        ) -> Retry: ...

    else:  # what type checkers refuse is answered with a fault, which needs to be accepted first

        def __call__(
            self,
            *not_arguments: object,
            max_attempts: object = None,
            min_delay: object = None,
            max_delay: object = None,
            multiplier: object = None,
            jitter: object = None,
            **unknown: object,
        ) -> object:
            if refuse_unknown("retry", unknown):
                return Unmarked()
            if not_arguments and _is_function(not_arguments[0]):
                refuse(_nothing_changed())
                return not_arguments[0]
            if not_arguments:
                refuse(MarkError("DSL010", "retry takes keyword arguments only", "write retry(max_attempts=…)"))
                return Unmarked()
            given = {
                "max_attempts": max_attempts,
                "min_delay": min_delay,
                "max_delay": max_delay,
                "multiplier": multiplier,
                "jitter": jitter,
            }
            given = {name: value for name, value in given.items() if value is not None}
            if not given:
                refuse(_nothing_changed())
            checked = {}
            for name, value in given.items():
                try:
                    field, checked_value = policy.retry_argument(name, value)
                except MarkError as fault:
                    refuse(fault)  # and on to the next argument: one run names all that is wrong
                else:
                    checked[field] = checked_value
            return Retry(checked) if len(checked) == len(given) > 0 else Unmarked()

        def __enter__(self) -> NoReturn:
            fault = _nothing_changed()
            raise MarkError(fault.code, fault.message, fault.hint, *position(1))

        def __exit__(self, *_: object) -> None:
            """Never reached."""


def _nothing_changed() -> MarkError:
    return MarkError(
        "DSL004", "a retry without arguments changes nothing", "say what it changes, as in retry(max_attempts=5)"
    )


class Export:
    """`@export`: this function or class implements an export of the world.

    Without WIT the exported functions are the world, and `@export(raises=CardDeclined)` names the exceptions that are
    outcomes rather than failures. With WIT it is needed where the name alone does not say which export is meant:
    `@export("orders")` for the function of that name in that interface, `@export("orders#place")` for a function of
    another name.
    """

    @overload
    def __call__(self, target: C, /) -> C: ...
    @overload
    def __call__(
        self, name: str | None = ..., *, raises: type[BaseException] | tuple[type[BaseException], ...] = ...
    ) -> Callable[[C], C]: ...
    def __call__(self, target: Any = None, /, name: Any = None, *, raises: Any = (), **unknown: Any) -> Any:  # type: ignore[misc]
        refuse_unknown("export", unknown)
        if _is_function(target):
            return _export(target, None, ())
        interface = target if target is not None else name
        types = raises if isinstance(raises, tuple) else (raises,)
        # In a scan what is refused counts as left out, and the function as exported: one mistake is one fault.
        if interface is not None and not isinstance(interface, str):
            refuse(MarkError("DSL010", f"export takes a name, got {interface!r}", 'write @export("interface")'), 2)
            interface = None
        if not all(isinstance(item, type) and issubclass(item, BaseException) for item in types):
            refuse(MarkError("DSL010", f"raises is {raises!r}", "give an exception class or a tuple of them"), 2)
            types = ()
        return lambda function: _export(function, interface, types)


def _export(target: Any, name: str | None, raises: tuple[type[BaseException], ...]) -> Any:
    mark = Mark("export", "export", {"name": name, "raises": raises}, *position(2))
    if isinstance(target, type):
        try:
            setattr(target, EXPORT_ATTRIBUTE, mark)
        except TypeError:  # a class that is not written in Python
            hint = "write a class that derives from it"
            refuse(
                MarkError("DSL008", f"@export on {target.__name__}, which bears no mark", hint, mark.file, mark.line)
            )
        else:
            note_export(mark)
        return target
    try:
        check_bearer(target, mark)
        check_neighbours(mark, target)
    except MarkError as fault:
        refuse(MarkError(fault.code, fault.message, fault.hint, mark.file, mark.line))
        return target
    note_export(mark)
    # A component's wrapper says what counts as a domain error; plain Python has none.
    exported = with_mark(target, mark, None if sys.platform == "wasi" else ExportCall(raises))
    if getattr(exported, "__qualname__", "") == getattr(exported, "__name__", None):
        exported.shadow(getattr(sys.modules.get(exported.__module__), exported.__name__, None))
    return exported


def _is_function(value: object) -> bool:
    """Whether `value` is what a bare mark decorates; only then it is not the word's first argument."""
    return callable(value) or isinstance(value, (classmethod, staticmethod, property))


def _unchanged(function: C) -> C:
    return function


#: The region of each level, by the level and by its name.
_PERSIST: Final[dict[object, Persist]] = {}
for _level in PersistenceLevel:
    _PERSIST[_level] = _PERSIST[_level.value] = Persist(_level)

atomic: Final = Atomic()
persist: Final = _PERSIST[PersistenceLevel.SMART]
non_idempotent: Final = Idempotence(idempotent=False)
idempotent: Final = Idempotence(idempotent=True)
retry: Final = RetryWord()
commit: Final = Commit(1)
export: Final = Export()
