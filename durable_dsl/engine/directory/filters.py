"""Which workers a `get-workers` query wants: any of several lists, all of whose conditions must hold."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_NUMBERS: dict[str, Callable[[Any, Any], bool]] = {
    "equal": operator.eq,
    "not-equal": operator.ne,
    "greater-equal": operator.ge,
    "greater": operator.gt,
    "less-equal": operator.le,
    "less": operator.lt,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "equal": operator.eq,
    "not-equal": operator.ne,
    "like": operator.contains,
    "not-like": lambda text, part: part not in text,
}
#: The order of worker-status in golem:api, for the comparisons that need one.
_STATUSES = ["running", "idle", "suspended", "interrupted", "retrying", "failed", "exited"]


def passes(metadata: dict[str, Any], created: int, wanted: dict[str, Any] | None) -> bool:
    """Whether a worker passes; `created` is in nanoseconds. An empty any-of is passed by all."""
    if wanted is None or not wanted["filters"]:
        return True
    return any(
        all(_holds(metadata, created, condition) for condition in every["filters"]) for every in wanted["filters"]
    )


def _holds(metadata: dict[str, Any], created: int, condition: dict[str, Any]) -> bool:
    ((kind, about),) = condition.items()
    compare, value = about["comparator"], about["value"]
    match kind:
        case "name":
            return _TEXTS[compare](metadata["worker-id"]["worker-name"], value)
        case "status":
            return _NUMBERS[compare](_STATUSES.index(metadata["status"]), _STATUSES.index(value))
        case "version":
            return _NUMBERS[compare](metadata["component-version"], value)
        case "created-at":
            return _NUMBERS[compare](created // 1_000_000, value)
        case "env":
            found = dict(metadata["env"]).get(about["name"])
            return found is not None and _TEXTS[compare](found, value)
    raise ValueError(kind)
