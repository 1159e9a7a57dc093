"""Snapshots: a worker's state as bytes, to carry it to a build that cannot repeat the worker's history.

    @save_snapshot
    def save() -> bytes: ...

    @load_snapshot
    def load(data: bytes) -> None: ...

The build exports the two as the interfaces that Golem expects. An update by snapshot calls `save` of the old build and
`load` of the new one; the history before is not replayed any more. In place of bytes, `save` may return and `load` may
take text, or whatever JSON can hold: what the functions are annotated with. An exception that leaves `load` refuses
the snapshot, and the worker stays on its old build.

Nothing is recorded while they run, so they must not call anything outside.
"""

from __future__ import annotations

import functools
import inspect
import traceback
import typing
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from durable_dsl.marks.marked import Mark, below_marks, position, with_mark
from durable_dsl.results import Err
from durable_dsl.values import typed_json

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["load_snapshot", "loading", "save_snapshot", "saving", "state_type"]

F = TypeVar("F", bound="Callable[..., Any]")


def save_snapshot(function: F) -> F:
    """Mark the function that gives the worker's state: no parameters; bytes, text, or what JSON can hold."""
    return typing.cast("F", with_mark(function, Mark("snapshot", "save_snapshot", {"part": "save"}, *position(2))))


def load_snapshot(function: F) -> F:
    """Mark the function that takes over a state that an older build has saved: one parameter, no result."""
    return typing.cast("F", with_mark(function, Mark("snapshot", "load_snapshot", {"part": "load"}, *position(2))))


def saving(function: Callable[[], Any]) -> Callable[[], bytes]:
    """The export `save` for a marked function; generated wrappers call it."""
    save = below_marks(function)
    kind = state_type(function, "save")

    @functools.wraps(save)
    def saved() -> bytes:
        state = save()
        try:
            return typed_json.to_bytes(state, kind)
        except typed_json.Mismatch as mismatch:
            raise TypeError(f"{save.__qualname__} gave what is not {typed_json.name_of(kind)}: {mismatch}") from None

    return saved


def loading(function: Callable[[Any], Any]) -> Callable[[bytes], None]:
    """The export `load` for a marked function: whatever it raises is the error that the update is refused with."""
    load = below_marks(function)
    kind = state_type(function, "load")

    @functools.wraps(load)
    def loaded(data: bytes) -> None:
        try:
            state = typed_json.from_bytes(data, kind)
        except typed_json.Mismatch as mismatch:
            raise Err(f"the snapshot is not {typed_json.name_of(kind)}: {mismatch}") from None
        try:
            load(state)
        except Err as refusal:
            raise Err(str(refusal.value)) from refusal
        except Exception as error:
            raise Err(_told(error)) from error

    return loaded


def state_type(function: Any, part: Literal["save", "load"]) -> Any:
    """The type of the state: what `save` returns or `load` takes; bytes where it is not said.

    Raises TypeError for a type that has no JSON form, and what an annotation raises that means nothing.
    """
    below = inspect.unwrap(below_marks(function))
    name = "return" if part == "save" else next(iter(inspect.signature(below).parameters), "")
    kind = typing.get_type_hints(below, include_extras=True).get(name, bytes)
    typed_json.check_type(kind)
    return kind


def _told(error: Exception) -> str:
    """The exception and where it was raised, as one line: the traceback does not leave the component."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f" ({last.filename.rpartition('/')[2]}:{last.lineno})" if last is not None else ""
    return f"{type(error).__name__}: {error}{place}"
