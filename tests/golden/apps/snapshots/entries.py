"""State that moves on to the next build, and a sleep in a region."""

from time import sleep

from durable_dsl import atomic, load_snapshot, save_snapshot

ENTRIES: list[str] = []


@atomic
def add(text: str) -> int:
    sleep(0.001)
    ENTRIES.append(text)
    return len(ENTRIES)


@save_snapshot
def save() -> list[str]:
    return ENTRIES


@load_snapshot
def load(entries: list[str]) -> None:
    if not entries:
        raise ValueError("nothing to load")
    ENTRIES[:] = entries
