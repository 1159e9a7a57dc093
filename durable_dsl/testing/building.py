"""From what a test names to a component: a `.wasm` file as it is, an app by building it, which is cached."""

from __future__ import annotations

import fcntl
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os


def component_of(component_or_app: str | os.PathLike[str]) -> Path:
    """The component file. Raises FileNotFoundError, and `durable_codegen.faults.BuildFailed` with what is wrong."""
    path = Path(component_or_app).absolute()
    if not path.exists():
        raise FileNotFoundError(f"there is no component or app {component_or_app}")
    if path.suffix == ".wasm":
        return path
    from durable_codegen.build import build
    from durable_codegen.project.config import resolve

    settings = resolve({"app": str(path)})
    place = hashlib.sha256(str(settings.app.path).encode()).hexdigest()[:12]  # two apps may have one name
    output = settings.root / ".durable" / "crash" / f"{settings.name}-{place}.wasm"
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.with_suffix(".lock").open("w") as lock:  # parallel tests build it once
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Named as it would be elsewhere: other components call it by that name.
        return build(resolve({"app": str(path), "output": str(output), "name": settings.name})).output
