"""What every test runs with, and in which order."""

from __future__ import annotations

import os

import pytest

#: Most components are called a few times and crashed: compiling them would take longer than all of their calls.
os.environ.setdefault("DURABLE_DSL_COMPILE", "quick")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """The longest come first, so that no worker is left alone with one of them in the end."""
    items.sort(key=lambda item: item.path.name != "test_docs.py")
