"""A region in a generated wrapper, and as a `with` block, against the same by hand, in the embedded engine."""

from __future__ import annotations

import tempfile

from benchmarks.building import built
from benchmarks.rounds import ratio, row
from durable_dsl.engine import Engine

ROUNDS_IN_GUEST = 2_000


def measure() -> list[dict[str, object]]:
    """The rows; the guest counts its own nanoseconds."""
    rows = []
    with tempfile.TemporaryDirectory() as data, Engine.open(data) as engine:
        for app, marked, words, limit in (
            ("marks_app", "marked", ("region", "level", "chain"), "<= 1.02"),
            ("blocks_app", "blocks", ("atomic", "persist"), "<= 1.25"),
        ):
            worker = engine.worker(app, component=engine.load(built(app)))
            for word in words:

                def nanoseconds(export: str, word: str = word, worker: object = worker) -> float:
                    return float(worker.invoke(f"loops#{export}", word, ROUNDS_IN_GUEST))

                value = ratio(lambda n=nanoseconds, m=marked: n(m), lambda n=nanoseconds: n("by-hand"))
                place = "generated wrapper" if app == "marks_app" else "with block"
                rows.append(row(f"{place}, {word}, against by hand", value, limit))
    return rows
