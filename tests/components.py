"""Components that tests share: built once in a test run, whatever number of workers it has, and compiled once."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wasmtime import Config, Engine, _ffi
from wasmtime.component import Component

from durable_codegen.build import build
from durable_codegen.project.config import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

OUTPUT = "built.wasm"


def built_once(app: Path, factory: pytest.TempPathFactory) -> Path:
    """The component of the app in the folder `app`, from a copy that stands outside of the repository."""
    folder = shared(factory) / f"app-{app.parent.name}-{app.name}"
    with alone(folder.with_suffix(".lock")):
        if not (folder / OUTPUT).exists():
            shutil.copytree(app, folder, ignore=shutil.ignore_patterns(".durable", "__pycache__", "*.wasm"))
            build(resolve({"output": str(folder / OUTPUT)}, environment={}, folder=folder))
    return folder / OUTPUT


def compiled(component: Path) -> tuple[Engine, Component]:
    """The component, ready for wasmtime, and its engine. Compiled quickly and once: few calls are made of each."""
    config = Config()
    config.cranelift_opt_level = "none"
    _ffi.wasmtime_config_cranelift_flag_set(config.ptr(), b"regalloc_algorithm", b"single_pass")
    engine = Engine(config)
    ready = component.with_suffix(".cwasm")
    with alone(component.with_suffix(".lock")):
        if not ready.exists():
            ready.write_bytes(Component.from_file(engine, str(component)).serialize())
    return engine, Component.deserialize_file(engine, str(ready))


def shared(factory: pytest.TempPathFactory) -> Path:
    """A temporary folder that all processes of a test run have together."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
