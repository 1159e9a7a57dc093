"""A function that bears marks: the record of each mark, and the proxy that acts on them when called.

The proxy is wrapt's, for signatures, methods, static and class methods all stay what they are. It adds what wrapt
leaves out: it pickles and copies as the function itself would, by name.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

import wrapt

from durable_dsl.errors import MarkError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from durable_dsl.regions import Region

if TYPE_CHECKING:
    _BoundFunctionWrapper = wrapt.BoundFunctionWrapper[..., Any]
    _FunctionWrapper = wrapt.FunctionWrapper[..., Any]
else:
    # Generic in wrapt's stubs only.
    _BoundFunctionWrapper, _FunctionWrapper = wrapt.BoundFunctionWrapper, wrapt.FunctionWrapper

F = TypeVar("F", bound="Callable[..., Any]")

_PACKAGE: Final = str(Path(__file__).parents[1])


@dataclass(frozen=True)
class Mark:
    """A mark as the build reads it.

    `kind`: export, atomic, persist, idempotence, retry or commit. `word`: as the user wrote it. `arguments`: by kind,
    durations in nanoseconds under names ending `_ns`. `file` is absolute, `line` counts from 1.
    """

    kind: str
    word: str
    arguments: Mapping[str, object]
    file: str
    line: int


class _BoundNamed(_BoundFunctionWrapper):
    """A decorated method looked up on an instance or class."""

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.__self__, self.__name__)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return self.__reduce__()


class _BoundMarked(_BoundNamed):
    """A marked method looked up on an instance or class."""


class NamedFunction(_FunctionWrapper):
    """A function that is decorated and stays what it was: it pickles and copies by name. `word` is the decorator."""

    __bound_function_wrapper__ = _BoundNamed

    def __init__(self, function: Any, wrapper: Callable[..., Any], word: str = "") -> None:
        super().__init__(function, wrapper)
        self._self_durable_word = word

    @property
    def durable_word(self) -> str:
        """The word of the DSL that it was decorated with; a function's marks are more than one."""
        word: str = self._self_durable_word
        return word

    def __reduce__(self) -> str:
        name: str = self.__qualname__
        return name

    def __reduce_ex__(self, protocol: Any) -> str:
        return self.__reduce__()

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


class Marked(NamedFunction):
    """A function with its marks, outermost first; calling it enters their regions in that order."""

    __bound_function_wrapper__ = _BoundMarked

    def __init__(self, function: Any, marks: tuple[Mark, ...], regions: Sequence[Region]) -> None:
        super().__init__(function, _entering(regions, inspect.iscoroutinefunction(_plain(function))))
        self._self_durable_marks = marks
        self._self_durable_regions = list(regions)
        self._self_durable_shadowed: Marked | None = None

    @property
    def durable_marks(self) -> tuple[Mark, ...]:
        """The marks, outermost first."""
        marks: tuple[Mark, ...] = self._self_durable_marks
        return marks

    @property
    def durable_regions(self) -> list[Region]:
        """The regions that a call enters, outermost first."""
        regions: list[Region] = self._self_durable_regions
        return regions

    @property
    def durable_shadowed(self) -> Marked | None:
        """The exported function that had this name before: one Python name may serve several interfaces."""
        shadowed: Marked | None = self._self_durable_shadowed
        return shadowed

    def shadow(self, before: object) -> None:
        """Keep the function that this one replaces in its module, if that is an export of another interface."""
        if isinstance(before, Marked) and any(mark.kind == "export" for mark in before.durable_marks):
            # The same line again is the same function, in a module that is loaded anew.
            same = before.durable_marks[0] == self.durable_marks[0] and _line(before) == _line(self)
            earlier: Any = before.durable_shadowed
            self._self_durable_shadowed = earlier if same else before


def with_mark(function: Any, mark: Mark, region: Region | None = None) -> Marked:
    """`function` with `mark` on top; neighbouring marks share one proxy."""
    regions = [] if region is None else [region]
    if not isinstance(function, Marked):
        return Marked(function, (mark,), regions)
    regions = sorted([*regions, *function.durable_regions], key=lambda each: not each.is_outermost)
    marked = Marked(function.__wrapped__, (mark, *function.durable_marks), regions)
    marked.shadow(function.durable_shadowed)
    return marked


def marks_of(function: Any) -> tuple[Mark, ...]:
    """The marks from the top of `function` down to the first decorator that isn't ours, outermost first."""
    marked = getattr(function, "_self_parent", function) if isinstance(function, _BoundMarked) else function
    return marked.durable_marks if isinstance(marked, Marked) else ()


def below_marks(function: F) -> F:
    """What stands below the marks that `marks_of` gives: the function, or the next decorator that isn't ours."""
    if isinstance(function, (Marked, _BoundMarked)):
        return cast("F", function.__wrapped__)
    return function


def shadowed(function: F, depth: int) -> F:
    """The exported function that `function` has replaced, `depth` definitions ago."""
    found: Any = function
    for _ in range(depth):
        found = found.durable_shadowed
    return cast("F", found)


def position(depth: int) -> tuple[str, int]:
    """File and line of the user's code that called into this package, looked for from `depth` frames up."""
    frame = sys._getframe(depth)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def checked(word: str, function: Any) -> tuple[str, bool]:
    """Name of a function that `word` may decorate, and whether it is a coroutine's. Raises MarkError DSL008."""
    bare = inspect.unwrap(_plain(function)) if callable(function) else function
    bare = _plain(bare)
    name = str(getattr(bare, "__qualname__", type(function).__name__)).rpartition("<locals>.")[2]
    is_function = callable(function) or isinstance(function, (classmethod, staticmethod))
    if isinstance(function, (type, property)) or not is_function:
        raise MarkError("DSL008", f"@{word} on {name}, which is not a function", "put it on functions and methods")
    if inspect.isgeneratorfunction(bare) or inspect.isasyncgenfunction(bare):
        hint = "collect what it yields and return that"
        raise MarkError("DSL008", f"@{word} on {name}, a generator: it has not run when it returns", hint)
    if any(mark.kind == "export" for mark in marks_of(function)):
        hint = f"put @export first, above @{word}"
        raise MarkError("DSL008", f"@{word} above @export on {name}, which hides the export from the build", hint)
    return name, inspect.iscoroutinefunction(_plain(function))


def _line(function: Any) -> object:
    """Where a function is defined; a mark's line may be that of a helper which marks many."""
    return getattr(getattr(inspect.unwrap(function), "__code__", None), "co_firstlineno", None)


def _plain(function: Any) -> Any:
    return getattr(function, "__func__", function)


def _entering(regions: Sequence[Region], is_async: bool) -> Callable[..., Any]:
    """The wrapt wrapper that calls a function inside `regions`."""
    if not regions:
        return _call
    region, inner = regions[0], _entering(regions[1:], is_async)
    if is_async:

        async def enter_async(wrapped: Any, instance: Any, arguments: Any, keywords: Any) -> Any:
            with region:
                return await inner(wrapped, instance, arguments, keywords)

        return enter_async

    def enter(wrapped: Any, instance: Any, arguments: Any, keywords: Any) -> Any:
        with region:
            return inner(wrapped, instance, arguments, keywords)

    return enter


def _call(wrapped: Any, _instance: Any, arguments: Any, keywords: Any) -> Any:
    return wrapped(*arguments, **keywords)
