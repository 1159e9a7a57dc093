"""When a worker's state is saved: the setting `snapshot`, such as "every 100", "every 10m" or "every 4MB".

Several, with commas between, mean whichever comes first. The engine counts from the last snapshot: invocations, time,
and bytes of what was recorded.
"""

from __future__ import annotations

import re
from typing import Final

from durable_dsl.errors import MarkError
from durable_dsl.policy import duration_ns

__all__ = ["DEFAULT", "TAKES", "WrongInterval", "parse"]

#: For apps with snapshot functions.
DEFAULT: Final = "every 100, every 1MB"
TAKES: Final = '"every 100" invocations, "every 10m", "every 4MB", several of them with commas between, or "never"'

_PART: Final = re.compile(r"every\s+(?P<number>\d+)(?:\s*(?P<unit>invocations?|kB|MB|GB))?$|every\s+(?P<time>.+)$")
_BYTES: Final = {"kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_MOST: Final = 2**63 - 1


class WrongInterval(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """The text is none of what `TAKES` says."""


def parse(text: str) -> dict[str, int] | None:
    """The least of each: `invocations`, `nanoseconds`, `bytes`; None for "never". Raises WrongInterval."""
    if text.strip() == "never":
        return None
    found: dict[str, int] = {}
    for part in text.split(","):
        name, value = _parsed(part.strip())
        if not 0 < value <= _MOST:
            raise WrongInterval(text)
        found[name] = min(value, found.get(name, value))
    return found


def _parsed(part: str) -> tuple[str, int]:
    match = _PART.match(part)
    if match is None:
        raise WrongInterval(part)
    if match["time"] is None:
        unit = match["unit"] or "invocations"
        return (
            ("bytes", int(match["number"]) * _BYTES[unit]) if unit in _BYTES else ("invocations", int(match["number"]))
        )
    try:
        return "nanoseconds", duration_ns(match["time"], "snapshot")
    except MarkError:
        raise WrongInterval(part) from None
