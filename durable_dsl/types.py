"""Names for what Python's own types leave open when a world is inferred from type hints: widths, and `char`.

A type checker reads `u32` as `int`, `f32` as `float` and `char` as `str`. Without one of these names `int` is a WIT
`s64`, `float` an `f64` and `str` a `string`; `s64` and `f64` only say so. Nothing is checked when a function is called
as plain Python; a component refuses a number that does not fit.
"""

# WIT's own names, so they are not written as classes are (PYI042).
# ruff: noqa: PYI042

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

__all__ = ["Width", "char", "f32", "f64", "s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64"]


@dataclass(frozen=True)
class Width:
    """Metadata for `Annotated`: the WIT type that stands for an int, a float or a str."""

    name: str


u8: TypeAlias = Annotated[int, Width("u8")]
u16: TypeAlias = Annotated[int, Width("u16")]
u32: TypeAlias = Annotated[int, Width("u32")]
u64: TypeAlias = Annotated[int, Width("u64")]
s8: TypeAlias = Annotated[int, Width("s8")]
s16: TypeAlias = Annotated[int, Width("s16")]
s32: TypeAlias = Annotated[int, Width("s32")]
s64: TypeAlias = Annotated[int, Width("s64")]
f32: TypeAlias = Annotated[float, Width("f32")]
f64: TypeAlias = Annotated[float, Width("f64")]
char: TypeAlias = Annotated[str, Width("char")]
