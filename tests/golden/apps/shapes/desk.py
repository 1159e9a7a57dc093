"""Values of all shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from componentize_py_types import Err, Ok
from wit_world.imports import kinds

from durable_dsl import atomic

if TYPE_CHECKING:
    from componentize_py_types import Result, Some


def numbers(a: int, b: int, c: int, d: int, e: float, f: bool, g: str) -> tuple[int, int, str]:
    return a, b + c + d + int(e) + int(f), g


def sizes(given: list[kinds.Size], allowed: kinds.Rights) -> kinds.Size | None:
    return given[0] if given and kinds.Rights.READ in allowed else None


def shapes(given: list[kinds.Shape], along: list[kinds.Point]) -> list[kinds.Shape | None]:
    return [*given, None, *(kinds.Shape_Dot(point) for point in along)]


def nested(given: Some[str | None] | None) -> Some[str | None] | None:
    return given


def results(given: Result[int, str], other: Result[None, int], last: Result[int, None]) -> list[Result[int, None]]:
    return [last, Ok(1) if isinstance(given, Ok) else Err(None)]


@atomic
def measure(given: kinds.Shape) -> kinds.Point:
    if isinstance(given, kinds.Shape_Dot):
        return given.value
    raise Err(given)


def bytes(given: bytes) -> list[bytes]:  # noqa: A001 - the export's name
    return [given, given]
