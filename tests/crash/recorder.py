"""The world outside of the programs: a host interface of its own, which no engine offers, served for these tests only.

Each call appends its label to the file that `CRASH_RECORDER` names, so that what a killed process has done is there
to be counted. To the engine the calls are what any remote write and remote read are.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from durable_dsl.engine.interfaces import registry
from durable_dsl.engine.interfaces.interface import Interface
from durable_dsl.engine.replay.durability import READ_REMOTE, WRITE_REMOTE

VARIABLE = "CRASH_RECORDER"
NAME = "crash:programs/recorder"
WRITE, READ = "crash::write", "crash::read"
_MODULE = "crash_programs_recorder"

recorder = Interface(NAME)
INTERFACES = (recorder,)


def file() -> Path:
    return Path(os.environ[VARIABLE])


def _count(label: str) -> int:
    with file().open("a") as opened:
        opened.write(f"{label}\n")
    return log(file()).count(label)


@recorder.durable("write", WRITE_REMOTE, WRITE)
def write(_host, label):
    return _count(label)


@recorder.durable("read", READ_REMOTE, READ)
def read(_host, label):
    return _count(label)


def log(found: Path) -> list[str]:
    """The labels in the order in which the calls were done."""
    return found.read_text().split() if found.exists() else []


def install() -> None:
    """Let the engine of this process find the interface."""
    sys.modules[f"durable_dsl.engine.interfaces.{_MODULE}"] = sys.modules[__name__]
    registry._MODULES[NAME] = _MODULE
    registry.interface_named.cache_clear()


install()
