"""Long stages are told while they last, short ones leave nothing."""

from __future__ import annotations

import threading

from durable_dsl.cli.terminal import console, progress


def test_a_long_stage_is_told_while_it_lasts(monkeypatch):
    """Where no terminal is: one line for a stage, however often how far it has come is said."""
    told, said = [], threading.Event()
    monkeypatch.setattr(progress, "_LONG", 0.01)
    monkeypatch.setattr(console, "note", lambda text: (told.append(text), said.set()))
    with progress.stages() as show:
        show("compiling", "1 of 2")
        assert said.wait(30)
        show("compiling", "2 of 2")
        said.clear()
        show("linking")
        assert said.wait(30)

    assert ["compiling …", "linking …"] == told


def test_short_stages_leave_nothing(monkeypatch, capfd):
    """Each ends before it is told; quiet ones are never."""
    monkeypatch.setattr(progress, "_LONG", 60)
    with progress.stages() as show:
        show("compiling")
        show("linking")
    with progress.stages(quiet=True) as show:
        show("compiling")

    assert ("", "") == capfd.readouterr()
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) and not thread.name.startswith("pytest_timeout "):
            thread.join(30)  # it was told to end; one that were not would wait for a minute
            assert not thread.is_alive()
