"""The flag that rewrites the expected wrappers: `pytest tests/golden --update-golden`."""

from __future__ import annotations


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write what is generated now as what is expected")


def pytest_collection_modifyitems(config, items):
    """Rewriting needs no components to be built."""
    if config.getoption("--update-golden", default=False):
        kept = [item for item in items if item.path.name == "test_wrappers.py"]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
