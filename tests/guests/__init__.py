"""Guest components for tests of the engine, built with componentize-py alone and cached by content.

`script` runs the Python source that it is given, with every host interface at hand: a test writes its guest program
where it needs it, and one build serves them all. `reader` does the same with golem:api 1.1, which can read oplogs, and
`steerer` with all of golem:api 1.1.6; both have snapshots. `shop` has exports of many types, and resources.
`ledger` runs `app.py` when it is first called, as `steerer` does; the text stands in the component, so that another
build of it is made by putting another text there.
"""

from __future__ import annotations

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from durable_codegen.wit.official import NEWEST_WASI
from durable_codegen.wit.trim import host_functions, trimmed_host
from tests.components import alone

SOURCES = Path(__file__).parent
WIT = SOURCES.parent.parent / "wit" / "deps"
CACHE = Path(tempfile.gettempdir()) / f"durable-dsl-test-guests-{os.getuid()}"
PADDED = 4096
"""Bytes of the text in a component, as in loader.py."""
_DEPENDENCIES = {
    "script": (
        "golem-api-0.2", "golem-rpc-0.1", "wasi-blobstore", "wasi-cli", "wasi-clocks", "wasi-filesystem",
        "wasi-http", "wasi-io", "wasi-keyvalue", "wasi-logging", "wasi-random", "wasi-sockets",
    ),
    "ledger": ("golem-api-0.2", "golem-rpc-0.1", "wasi-clocks", "wasi-io"),
    "shop": ("golem-api-1.1", "golem-rpc-0.1", "wasi-clocks", "wasi-io"),
    "steerer": ("golem-api-1.1.6",),
    "reader": ("golem-api-1.1", "golem-rpc-0.1", "golem-rpc-0.2", "wasi-clocks", "wasi-io"),
}  # fmt: skip


@functools.cache
def guest(name: str, *, edit: tuple[str, str] | None = None) -> Path:
    """The component `name`; with `edit`, another build of it in which the first text is replaced by the second."""
    sources = {file.name: file.read_text() for file in sorted((SOURCES / name).iterdir()) if file.is_file()}
    if edit is not None:
        edited = next(name for name, text in sources.items() if edit[0] in text)
        sources[edited] = sources[edited].replace(*edit)
    texts = [*sources.values(), *_wit_files(name).values()]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
    target = CACHE / digest / f"{name}.wasm"
    target.parent.mkdir(parents=True, exist_ok=True)
    with alone(target.with_suffix(".lock")):
        if target.exists():
            pass
        elif edit is not None and edited == "app.py" and "loader.py" in sources:
            _patch(guest(name), (SOURCES / name / edited).read_text(), sources[edited], target)
        else:
            _build(name, sources, target)
    return target


def _wit_files(name: str) -> dict[str, str]:
    """The files of what a guest imports, by their place."""
    found = {}
    for folder in _DEPENDENCIES[name]:
        if folder == "golem-api-1.1.6":  # it is no folder: the build makes it of two
            words, also = host_functions("1.1.6"), ("save-snapshot", "load-snapshot")
            files = dict(trimmed_host("1.1.6", words, wasi=NEWEST_WASI, also=also))
        else:
            files = {file.name: file.read_text() for file in sorted((WIT / folder).glob("*.wit"))}
        found.update({f"{folder}/{file}": text for file, text in files.items()})
    return found


def _patch(component: Path, old: str, new: str, target: Path) -> None:
    """The component with another source text in the place of its own, which takes no build."""
    content = component.read_bytes()
    texts = [text.encode().ljust(PADDED) for text in (old, new)]
    assert texts[0] in content
    assert [PADDED, PADDED] == [len(text) for text in texts]
    part = target.with_suffix(".part")
    part.write_bytes(content.replace(*texts))
    part.rename(target)


def _build(name: str, sources: dict[str, str], target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        root = Path(folder)
        (root / "wit").mkdir()
        (root / "app").mkdir()
        (root / "empty").mkdir()
        for file, text in sources.items():
            (root / ("app" if file.endswith(".py") else "wit") / file).write_text(text)
        for place, text in _wit_files(name).items():
            target_file = root / "wit" / "deps" / place
            target_file.parent.mkdir(parents=True, exist_ok=True)
            target_file.write_text(text)
        # fmt: off
        command = [
            str(Path(sys.executable).parent / "componentize-py"), "-d", "wit", "-w", "app",
            "componentize", "loader" if "loader.py" in sources else "app", "-p", "app", "-o", "out.wasm",
        ]
        # fmt: on
        environment = {**os.environ, "VIRTUAL_ENV": str(root / "empty")}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        (root / "out.wasm").rename(target)
