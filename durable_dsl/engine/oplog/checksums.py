"""The CRC-32 of rows: of what a row says, where it stands and whose it is, so that a row out of place is found too.

The checksum of an entry carries in the bits above 32 by which rule it was made, and whether the entry is one of the
many that a summary leaves out: a kind that was damaged cannot hide an entry from it. An entry of an older file has
nothing there, and is checked by the rule of then: its texts alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Kinds of which a worker may have very many; of these a summary reads only the last.
MANY = frozenset({"imported-function-invoked", "log"})
_TELLING, _MANY = 1 << 32, 2 << 32
_NULL = "\1"  # no text here begins with it
#: In SQL: the entries that a summary reads.
IS_TELLING = (
    f"(kind NOT IN ({', '.join(repr(kind) for kind in sorted(MANY))}) OR crc BETWEEN {_TELLING} AND {_MANY - 1})"
)


def of_entry(worker: int, columns: tuple[Any, ...]) -> int:
    """Of idx, time, kind, function, type, request, response, begin, key, detail of an entry of `worker`."""
    index, time, kind, function, type_, request, response, begin, key, detail = columns
    texts = (
        f"{kind}\0{_NULL if function is None else function}\0{_NULL if type_ is None else type_}"
        f"\0{_NULL if request is None else request}\0{_NULL if response is None else response}"
        f"\0{_NULL if key is None else key}\0{_NULL if detail is None else detail}"
        f"\0{worker} {index} {time} {_NULL if begin is None else begin}"
    )
    return crc32(texts.encode()) + (_MANY if kind in MANY else _TELLING)


def entry_matches(worker: int, columns: tuple[Any, ...], crc: Any) -> bool:
    """Whether an entry is as it was written, in its place; `columns` as for `of_entry`."""
    try:
        return bool(crc == (of_entry(worker, columns) if crc >> 32 else _of_texts(columns)))
    except (TypeError, ValueError):  # a checksum that is no number, a text that cannot be encoded
        return False


def copied(crc: Any, worker: int, target: int, columns: tuple[Any, ...]) -> int:
    """The checksum of an entry of `worker` in the oplog of `target`; that of a damaged one matches nothing."""
    return of_entry(target, columns) if entry_matches(worker, columns, crc) else -1


def of_row(table: str, values: Iterable[Any]) -> int:
    """Of a row of another table."""
    said = "\0".join([table, *[value if type(value) is str else _said(value) for value in values]])
    return crc32(said.encode("utf-8", "surrogatepass"))


def _said(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes {crc32(value)}"
    return _NULL if value is None else str(value)


def _of_texts(columns: tuple[Any, ...]) -> int:
    """The rule of schemas 1 and 2."""
    texts = "\0".join(str(columns[at] or "") for at in (2, 3, 5, 6, 8, 9))
    return crc32(texts.encode("utf-8", "surrogatepass"))
