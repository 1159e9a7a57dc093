"""The pytest plugin that comes with the package: the marker `durable` and the fixture `durable_trace`.

The generated stubs of the project (`.durable/bindings`, written by `durable-dsl bindings`) are put on the path, so
that tests import an app that imports its world. Importing this module does not import the engine.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_dsl.testing.trace import Call

#: Where `durable-dsl bindings` writes by default, relative to pytest's root directory.
BINDINGS = (".durable", "bindings")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and put the project's stubs on the path, behind everything that is there already."""
    config.addinivalue_line("markers", "durable: a test of durable code")
    bindings = config.rootpath.joinpath(*BINDINGS)
    if bindings.is_dir() and str(bindings) not in sys.path:
        sys.path.append(str(bindings))


@pytest.fixture
def durable_trace() -> Iterator[list[Call]]:
    """The host calls made during the test, in order; see `durable_dsl.testing.trace`."""
    from durable_dsl.testing.trace import trace

    with trace() as calls:
        yield calls
