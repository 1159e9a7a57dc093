"""Arguments and results as they go into the oplog and the queue: JSON, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from durable_dsl.engine.wit.json_form import ArgumentFault, restore, to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from durable_dsl.engine.wit.exports import Export

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def arguments_text(export: Export, arguments: Sequence[Any]) -> str:
    """Arguments as the JSON array that goes into the oplog."""
    kinds = [kind for _, kind in export.type.params]
    return _encode([to_json(value, kind) for value, kind in zip(arguments, kinds, strict=True)])


def arguments_of(export: Export, request: str) -> list[Any]:
    """The inverse of `arguments_text`; raises ArgumentFault where another build recorded what does not fit this one."""
    values = json.loads(request)
    try:
        return [restore(value, kind) for value, (_, kind) in zip(values, export.type.params, strict=True)]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ArgumentFault(export.signature, "", f"the recorded arguments {request} do not fit") from error


def result_text(export: Export, value: Any) -> str:
    return "null" if export.type.result is None else _encode(to_json(value, export.type.result))


def result_of(export: Export, response: str) -> Any:
    """The inverse of `result_text`."""
    if export.type.result is None:
        return None
    return restore(json.loads(response), export.type.result)
