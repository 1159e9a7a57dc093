"""Where compiled components are kept when there is no data directory at hand. It may be deleted at any time."""

from __future__ import annotations

import os
from pathlib import Path


def user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "durable-dsl"
