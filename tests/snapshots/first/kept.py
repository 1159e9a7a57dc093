"""The state, in a module beside the app's."""

from __future__ import annotations

from durable_dsl import load_snapshot, save_snapshot

ENTRIES: list[str] = []


@save_snapshot
def save() -> list[str]:
    return ENTRIES


@load_snapshot
def load(data: list[str]) -> None:
    ENTRIES.extend(data)
