"""A copy of a data directory to work on: the directory itself stays as it is, byte for byte.

Whoever uses the directory meanwhile is not disturbed and does not disturb: the copy is what was committed at one
instant. The file is read as SQLite reads a database that it may not write; where no process has it open and the rest of
a killed one lies beside it, the log is copied along and recovered in the copy.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from durable_dsl.engine.errors import StoreError, UsageError
from durable_dsl.engine.oplog.store import FILE
from durable_dsl.temporary import give_back, made_here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def copied(data: Path) -> Iterator[Path]:
    """A directory with the same database and components, for as long as the block runs."""
    source = data / FILE
    if not source.is_file():
        raise UsageError(f"{data} is no data directory: it has no {FILE}")
    copy = made_here("data-")
    try:
        try:
            _copy(source, copy / FILE)
            (copy / "components").mkdir()
            for component in (data / "components").glob("*.wasm"):
                (copy / "components" / component.name).symlink_to(component.resolve())
        except OSError as error:
            raise StoreError(str(source), error.strerror or str(error)) from error
        except sqlite3.Error as error:
            raise StoreError(str(source), str(error)) from error
        yield copy
    finally:
        give_back(copy)


def _copy(source: Path, target: Path) -> None:
    log, index = (source.with_name(f"{FILE}{ending}") for ending in ("-wal", "-shm"))
    if log.exists() and not index.exists():
        shutil.copyfile(source, target)
        shutil.copyfile(log, target.with_name(log.name))
        return
    # Without a log nobody has the file open, and nothing has to be looked up in the index of one.
    how = "mode=ro&readonly_shm=1" if log.exists() else "immutable=1"
    uri = f"file:{quote(str(source.resolve()))}?{how}"
    with closing(sqlite3.connect(uri, uri=True)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)
