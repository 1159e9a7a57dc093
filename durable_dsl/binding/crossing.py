"""What leaves a component by an inferred world, checked on the way: a value that does not fit is Python's own error.

Generated wrappers call these for each value that an export gives back. Without them a wrong value would end in a Rust
panic of the bindings. `what` says which value it is, as `the result of place` or `Order.quantity`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, TypeVar

__all__ = ["boolean", "char", "data", "items", "member", "number", "pairs", "parts", "refuse", "text"]
__all__ += ["s8", "s16", "s32", "s64", "u8", "u16", "u32", "u64"]

T = TypeVar("T")
P = TypeVar("P", bound=tuple[Any, ...])


def refuse(value: object, wanted: str, what: str) -> NoReturn:
    """Raise the error for a value of another type than was declared."""
    raise TypeError(f"{what} is {_shown(value)}, which is no {wanted}")


def u8(value: int, what: str) -> int:
    return value if type(value) is int and 0 <= value < 1 << 8 else _whole(value, "u8", what)


def u16(value: int, what: str) -> int:
    return value if type(value) is int and 0 <= value < 1 << 16 else _whole(value, "u16", what)


def u32(value: int, what: str) -> int:
    return value if type(value) is int and 0 <= value < 1 << 32 else _whole(value, "u32", what)


def u64(value: int, what: str) -> int:
    return value if type(value) is int and 0 <= value < 1 << 64 else _whole(value, "u64", what)


def s8(value: int, what: str) -> int:
    return value if type(value) is int and -(1 << 7) <= value < 1 << 7 else _whole(value, "s8", what)


def s16(value: int, what: str) -> int:
    return value if type(value) is int and -(1 << 15) <= value < 1 << 15 else _whole(value, "s16", what)


def s32(value: int, what: str) -> int:
    return value if type(value) is int and -(1 << 31) <= value < 1 << 31 else _whole(value, "s32", what)


def s64(value: int, what: str) -> int:
    return value if type(value) is int and -(1 << 63) <= value < 1 << 63 else _whole(value, "s64", what)


def number(value: float, what: str) -> float:
    """A float, or an int as one."""
    return value if isinstance(value, (int, float)) else refuse(value, "float", what)


def boolean(value: bool, what: str) -> bool:
    return value if value is True or value is False else refuse(value, "bool", what)


def text(value: str, what: str) -> str:
    """Text that has a UTF-8 form: lone surrogates have none."""
    if not isinstance(value, str):
        refuse(value, "str", what)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} is {_shown(value)}, which has no form in UTF-8") from error
    # Not str(), which a member of an Enum that is text too answers with its name.
    return str.__str__(value)


def char(value: str, what: str) -> str:
    if isinstance(value, str) and len(value) == 1 and not "\ud800" <= value <= "\udfff":
        return value
    raise ValueError(f"{what} is {_shown(value)}, which is not one character")


def data(value: bytes, what: str) -> bytes:
    """Bytes, also from a bytearray or a memoryview."""
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else refuse(value, "bytes", what)


def items(value: Iterable[T], what: str) -> Iterable[T]:
    """What is in a list, or in anything else that holds several, but for text and what is named."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        refuse(value, "list", what)
    return value


def pairs(value: Mapping[str, T], what: str) -> Iterable[tuple[str, T]]:
    """What is in a dict."""
    return value.items() if isinstance(value, Mapping) else refuse(value, "dict", what)


def parts(value: P, count: int, what: str) -> P:
    """A tuple, if it has as many parts as it should."""
    if not isinstance(value, tuple) or len(value) != count:
        refuse(value, f"tuple of {count}", what)
    return value


def member(table: Mapping[Any, T], value: object, wanted: str, what: str) -> T:
    """What `table` has for a member of an Enum."""
    try:
        return table[value]
    except (KeyError, TypeError):
        refuse(value, wanted, what)


_RANGES = {
    **{f"u{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
    **{f"s{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
}


def _whole(value: int, width: str, what: str) -> int:
    """An int of a subclass, such as a bool or a member of an IntEnum; or why the value is none that fits."""
    if not isinstance(value, int):
        refuse(value, "int", what)
    low, high = _RANGES[width]
    if not low <= value <= high:
        raise OverflowError(f"{what} is {_shown(value)}, which does not fit {width} ({low} to {high})")
    return int(value)


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except ValueError:  # an int of more digits than Python writes out
        text = f"an int of {int(value).bit_length()} bits" if isinstance(value, int) else f"a {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}…"
