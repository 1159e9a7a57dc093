"""Values as JSON text in the oplog: readable with sqlite3, exact, and the same text for the same value.

Bytes become `{"base64": "…"}`, as on the command line. The argument texts of a call are compared during replay, so
there is one way to write a value: no spaces, members in the order of the WIT type, NaN as NaN.
"""

from __future__ import annotations

import base64
import json
from typing import Any


def _default(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return {"base64": base64.b64encode(value).decode()}
    described = getattr(value, "resource_kind", None)
    if described is not None:  # a handle: its kind is compared in replay, its identity is not
        return {"resource": described}
    raise TypeError(f"{type(value).__name__} cannot be written to the oplog")


def _untag(members: dict[str, Any]) -> Any:
    if len(members) == 1 and isinstance(members.get("base64"), str):
        return base64.b64decode(members["base64"])
    return members


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_default)
_text = json.encoder.encode_basestring


def encode(value: Any) -> str:
    """A value as text. Most are a text or nothing, and every one is on the way of a commit."""
    if value is None:
        return "null"
    return _text(value) if type(value) is str else _encoder.encode(value)


_plain = json.JSONDecoder().decode
_tagged = json.JSONDecoder(object_hook=_untag).decode


def decode(text: str) -> Any:
    return _tagged(text) if '"base64"' in text else _plain(text)
