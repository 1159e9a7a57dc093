"""Responses that an exception leaves open, through crashes anywhere: no request is sent again for their sake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.components import built_once
from tests.http.server import echo_server

APP = Path(__file__).parents[1] / "http" / "libraries"


@pytest.fixture(scope="module")
def component(tmp_path_factory):
    return built_once(APP, tmp_path_factory)


def run(crash_driver, component, export, *arguments, bounds, **options):
    with echo_server() as server:

        def within(run):
            for path, (least, most) in bounds.items():
                assert least <= run.effects[path] <= most, f"{path} was asked for {run.effects[path]} times"

        return crash_driver.run(
            component, export, server.url, *arguments, effects=lambda: list(server.seen), before_each=server.clear,
            expect={}, check=within, allow_http=["127.0.0.1"], **options,
        )  # fmt: skip


@pytest.mark.guarantee("HTTP-1")
@pytest.mark.durable(real=0.5)
@pytest.mark.parametrize("way", ["httpx", "requests", "urllib"])
def test_an_open_response_costs_no_request(crash_driver, component, way):
    """A response that a traceback keeps, and a request after it: each is sent once, or again if it was cut off."""
    run(crash_driver, component, "left-open", way, bounds={"/big": (1, 2), "/after": (1, 2)}, sample=6)


@pytest.mark.durable(real=0.5)
def test_a_region_that_failed_with_a_response_open_is_repeated_as_a_whole(crash_driver, component):
    """Two attempts, and one more if it was cut off; what comes after the region is sent once, or again if cut off."""
    run(
        crash_driver, component, "region-left-open",
        bounds={"/big": (2, 3), "/count": (2, 3), "/after": (1, 2)}, sample=8,
    )  # fmt: skip
