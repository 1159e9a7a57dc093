"""What a code means."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Entry"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a code means: a few words, and a paragraph that says why it matters and what to do."""

    title: str
    text: str
