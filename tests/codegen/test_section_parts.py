"""What a build that was killed left beside its output goes with the next build there."""

from __future__ import annotations

import fcntl

from durable_codegen.component.section import replacing


def test_parts_of_dead_builds_are_removed(tmp_path):
    """Of this output alone, and none that a build is writing."""
    output = tmp_path / "app.wasm"
    dead, alive, other = (tmp_path / f".{name}.part" for name in ("app.wasm.dead", "app.wasm.alive", "other.wasm.dead"))
    for path in (dead, alive, other):
        path.write_bytes(b"half")
    with alive.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with replacing(output) as part:
            part.write_bytes(b"whole")
            with replacing(output) as another:
                another.write_bytes(b"later")

    assert b"whole" == output.read_bytes()
    assert {alive, other, output} == set(tmp_path.iterdir())
