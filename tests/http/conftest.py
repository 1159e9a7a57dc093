"""What the tests of HTTP in components share."""

from __future__ import annotations

import pytest

from tests.http.server import echo_server


@pytest.fixture(scope="module")
def server():
    """A server that says what it was asked; some paths misbehave."""
    with echo_server() as server:
        yield server
