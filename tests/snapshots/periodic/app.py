"""A worker whose state is saved after every third invocation."""

from __future__ import annotations

import random
from pathlib import Path

from durable_dsl import export, load_snapshot, oplog_index, save_snapshot
from durable_dsl.remote import continue_as_new

ENTRIES: list[str] = []
#: What the snapshot leaves out.
SINCE: list[str] = []


@export
def add(text: str) -> int:
    oplog_index()
    ENTRIES.append(text)
    SINCE.append(text)
    return len(ENTRIES)


@export
def everything() -> list[str]:
    return [*ENTRIES, f"{len(SINCE)} since"]


@export
def draw() -> float:
    return random.random()


@export
def keep_file(name: str) -> None:
    Path(name).write_text("mine")


@export
def add_all(texts: list[str]) -> None:
    """One at a time, each in an invocation of its own."""
    ENTRIES.append(texts[0])
    if texts[1:]:
        continue_as_new(add_all, texts[1:])


@save_snapshot
def save() -> list[str]:
    if "cannot be saved" in ENTRIES:
        raise RuntimeError("no")
    return ENTRIES


@load_snapshot
def load(entries: list[str]) -> None:
    if "cannot be loaded" in entries:
        raise ValueError("poison")
    print("loading", flush=True)
    ENTRIES.extend(entries)
    SINCE.append(f"loaded {random.random()}")
