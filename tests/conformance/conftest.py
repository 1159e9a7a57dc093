"""The stories as components: as they are, and as a repaired build of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.components import alone, built_once, shared

STORIES = Path(__file__).parent / "stories"


@pytest.fixture(scope="session")
def stories(tmp_path_factory):
    """The stories as a component."""
    return built_once(STORIES, tmp_path_factory)


@pytest.fixture(scope="session")
def repaired(tmp_path_factory):
    """A later build of the stories, without the mistake in one of them."""
    app = shared(tmp_path_factory) / "repaired" / STORIES.name
    with alone(app.parent.with_suffix(".lock")):
        if not app.exists():
            shutil.copytree(STORIES, app, ignore=shutil.ignore_patterns("__pycache__"))
            faulty = app / "more.py"
            text = faulty.read_text(encoding="utf-8")
            assert "FAULTY = True" in text
            faulty.write_text(text.replace("FAULTY = True", "FAULTY = False"), encoding="utf-8")
    return built_once(app, tmp_path_factory)
