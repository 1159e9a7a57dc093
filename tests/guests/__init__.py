"""Guest components for tests of the engine, built with componentize-py alone and cached by content.

`script` runs the Python source that it is given, with every host interface at hand: a test writes its guest program
where it needs it, and one build serves them all. `reader` does the same with golem:api 1.1, which can read oplogs.
`shop` has exports of many types, and resources.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent
WIT = SOURCES.parent.parent / "wit" / "deps"
CACHE = Path(tempfile.gettempdir()) / f"durable-dsl-test-guests-{os.getuid()}"
_DEPENDENCIES = {
    "script": (
        "golem-api-0.2", "golem-rpc-0.1", "wasi-blobstore", "wasi-cli", "wasi-clocks", "wasi-filesystem",
        "wasi-http", "wasi-io", "wasi-keyvalue", "wasi-logging", "wasi-random", "wasi-sockets",
    ),
    "ledger": ("golem-api-0.2", "golem-rpc-0.1", "wasi-clocks", "wasi-io"),
    "shop": ("golem-api-1.1", "golem-rpc-0.1", "wasi-clocks", "wasi-io"),
    "reader": ("golem-api-1.1", "golem-rpc-0.1", "wasi-clocks", "wasi-io"),
}  # fmt: skip


@functools.cache
def guest(name: str, *, edit: tuple[str, str] | None = None) -> Path:
    """The component `name`; with `edit`, another build of it in which the first text is replaced by the second."""
    sources = {file.name: file.read_text() for file in sorted((SOURCES / name).iterdir()) if file.is_file()}
    if edit is not None:
        edited = next(name for name, text in sources.items() if edit[0] in text)
        sources[edited] = sources[edited].replace(*edit)
    texts = [*sources.values(), *(file.read_text() for file in _wit_files(name))]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    target = CACHE / digest / f"{name}.wasm"
    if not target.exists():
        _build(name, sources, target)
    return target


def _wit_files(name: str) -> list[Path]:
    return sorted(file for folder in _DEPENDENCIES[name] for file in (WIT / folder).glob("*.wit"))


def _build(name: str, sources: dict[str, str], target: Path) -> None:
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        root = Path(folder)
        (root / "wit").mkdir()
        (root / "app").mkdir()
        (root / "empty").mkdir()
        for file, text in sources.items():
            (root / ("app" if file.endswith(".py") else "wit") / file).write_text(text)
        for dependency in _DEPENDENCIES[name]:
            shutil.copytree(WIT / dependency, root / "wit" / "deps" / dependency)
        # fmt: off
        command = [
            str(Path(sys.executable).parent / "componentize-py"), "-d", "wit", "-w", "app",
            "componentize", "app", "-p", "app", "-o", "out.wasm",
        ]
        # fmt: on
        environment = {**os.environ, "VIRTUAL_ENV": str(root / "empty")}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        target.parent.mkdir(exist_ok=True)
        (root / "out.wasm").rename(target)
