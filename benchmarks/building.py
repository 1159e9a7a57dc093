"""Components for benchmarks, built by the product itself and kept for the next run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
#: The command, as users run it.
COMMAND = [sys.executable, "-m", "durable_dsl"]
CACHE = Path(os.environ.get("DURABLE_DSL_BENCH_CACHE", Path(tempfile.gettempdir()) / "durable-dsl-bench"))


def built(app: str) -> Path:
    """The component of `benchmarks/<app>/<app>.py`; an unchanged one is not built again."""
    CACHE.mkdir(parents=True, exist_ok=True)
    output = CACHE / f"{app}.wasm"
    subprocess.run([*COMMAND, "build", f"{app}.py", "-o", str(output)], cwd=HERE / app, check=True, capture_output=True)
    return output
