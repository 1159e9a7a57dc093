"""The pytest plugin that comes with the package: the marker `durable`, the fixtures `durable_trace` and `crash_driver`.

The generated stubs of the project (`.durable/bindings`, written by `durable-dsl bindings`) are put on the path, so
that tests import an app that imports its world. Importing this module does not import the engine.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from durable_dsl.testing.crash.driver import CrashDriver
    from durable_dsl.testing.trace import Call

#: Where `durable-dsl bindings` writes by default, relative to pytest's root directory.
BINDINGS = (".durable", "bindings")
_MARKER = "durable(sample=None, real=0.25, seed=0): a test of durable code; the arguments are for its crash_driver"


def pytest_addoption(parser: pytest.Parser) -> None:
    """How much the crash driver does, over what the marker `durable` says."""
    group = parser.getgroup("durable-dsl")
    group.addoption("--crash-points", metavar="N|all", type=_points, help="how many crash points each run tries")
    group.addoption("--crash-seed", metavar="N", type=int, help="which points those are, and which are real")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and put the project's stubs on the path, behind everything that is there already."""
    config.addinivalue_line("markers", _MARKER)
    bindings = config.rootpath.joinpath(*BINDINGS)
    if bindings.is_dir() and str(bindings) not in sys.path:
        sys.path.append(str(bindings))


@pytest.fixture
def durable_trace() -> Iterator[list[Call]]:
    """The host calls made during the test, in order; see `durable_dsl.testing.trace`."""
    from durable_dsl.testing.trace import trace

    with trace() as calls:
        yield calls


@pytest.fixture
def crash_driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashDriver]:
    """Lets an invocation die everywhere and recovers it; see `durable_dsl.testing.crash.driver`."""
    from durable_dsl.testing.crash.driver import CrashDriver

    with CrashDriver(tmp_path_factory.mktemp("crash"), defaults=defaults_of(request)) as driver:
        yield driver


def defaults_of(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What marker and command line say about the crash driver of a test."""
    marker = request.node.get_closest_marker("durable")
    found = {} if marker is None else dict(marker.kwargs)
    unknown = sorted(found.keys() - {"sample", "real", "seed"})
    if unknown or (marker is not None and marker.args):
        raise pytest.UsageError(f"{request.node.nodeid}: the marker is {_MARKER.partition(':')[0]}")
    points, seed = request.config.getoption("--crash-points"), request.config.getoption("--crash-seed")
    if points is not None:
        found["sample"] = points or None
    if seed is not None:
        found["seed"] = seed
    return found


def _points(text: str) -> int:
    """A number of points; 0 stands for all."""
    return 0 if text == "all" else int(text)
