"""The flag that rewrites the expected wrappers: `pytest tests/golden --update-golden`."""

from __future__ import annotations


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write what is generated now as what is expected")
