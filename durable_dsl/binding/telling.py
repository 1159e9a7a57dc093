"""Telling the embedded engine what no interface of Golem's has a place for (`asides`)."""

from __future__ import annotations

from typing import Any

import durable_host as host

from durable_dsl.asides import instants

__all__ = ["tell"]

_instant: Any = getattr(host, "subscribe_instant", None)
_told: set[bytes] = set()


def tell(text: bytes) -> None:
    """Say it to whoever listens; what was said before is said again by its first instant alone."""
    if _instant is None:
        return
    head, *pieces = instants(text)
    for instant in [head] if text in _told else [head, *pieces]:
        _instant(instant).__exit__(None, None, None)
    _told.add(text)
