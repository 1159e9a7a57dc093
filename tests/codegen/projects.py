"""Small projects written to a folder, and what the build says of them; nothing is componentized."""

from __future__ import annotations

from durable_codegen.build import emit_only
from durable_codegen.faults import BuildFailed
from durable_codegen.project.config import resolve

#: A world with one function of each kind that the faults are about.
WORLD = """package demo:orders;

interface orders {
    record order { id: string }
    place: func(order: order) -> result<string, string>;
    move: func(source: string, target: string) -> u32;
}

world shop {
    export orders;
}
"""

PLACE = "def place(order): return order.id\n"
MOVE = "def move(source, target): return 0\n"


def write(folder, files):
    """Write files, given by their path and text."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def faults_of(folder, files, **flags):
    """The faults of a project with these files; warnings and notes too where nothing is wrong."""
    write(folder, {"wit/world.wit": WORLD, **files})
    try:
        settings = resolve(
            {name.replace("_", "-"): value for name, value in flags.items()}, environment={}, folder=folder
        )
        return emit_only(settings, folder / "emitted")
    except BuildFailed as failed:
        return failed.faults


def places(faults):
    """Code and place of each fault, in their order."""
    return [(fault.code, fault.place) for fault in faults if fault.severity != "note"]
