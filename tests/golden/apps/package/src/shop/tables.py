"""Imported late."""

from __future__ import annotations


def parsed(text: str) -> dict[str, int]:
    return {name: int(price) for name, price in (line.split() for line in text.splitlines())}
