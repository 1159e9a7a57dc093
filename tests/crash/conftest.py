"""A crash driver for programs whose effects are counted by the recorder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from durable_dsl.testing import CrashDriver
from durable_dsl.testing.building import component_of
from durable_dsl.testing.plugin import defaults_of
from tests.crash import recorder

APP = Path(__file__).parent / "app" / "programs.py"


class Recorded:
    """Runs programs through crashes; `log` is what the world outside had seen when the caller got its answer."""

    def __init__(self, driver, file):
        self.driver = driver
        self.file = file
        self.component = component_of(APP)
        self.log = []

    def run(self, program, **options):
        options.setdefault("before_each", lambda: self.file.unlink(missing_ok=True))
        return self.driver.run(self.component, "run", json.dumps(program), effects=self.effects, **options)

    def effects(self):
        self.log = recorder.log(self.file)
        return self.log


@pytest.fixture
def recorded(request, tmp_path_factory, monkeypatch):
    """Programs of `app/programs.py`, in this process and in killed ones."""
    folder = tmp_path_factory.mktemp("recorded")
    monkeypatch.setenv(recorder.VARIABLE, str(folder / "log"))
    with CrashDriver(folder, modules=[recorder.__name__], defaults=defaults_of(request)) as driver:
        yield Recorded(driver, folder / "log")
