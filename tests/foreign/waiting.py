"""Waiting for another process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def until(reached: Callable[[], bool], seconds: float = 60) -> None:
    """Look again and again; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.05)
