"""Copies of entries, for people: a file of JSON lines for each part of an oplog that is dropped, compressed.

A file is there whole or not at all, and on disk before anything of it is dropped. Where a prune is cut short after
that, the next one writes it again under the same name.
"""

from __future__ import annotations

import gzip
import json
import os
from typing import IO, TYPE_CHECKING
from urllib.parse import quote

from durable_dsl.engine.errors import StoreError
from durable_dsl.engine.oplog.entries import Record
from durable_dsl.engine.oplog.view import as_json
from durable_dsl.engine.whole_files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from durable_dsl.engine.oplog.regions import Regions
    from durable_dsl.engine.oplog.store import Store

_AT_ONCE = 1000
_NAMED = 80  # characters of a worker's name in that of its file
_ID = "SELECT value FROM meta WHERE key = 'id'"


def write(store: Store, worker: int, name: str, folder: Path, first: int, last: int, deleted: Regions) -> Path:
    """Copy the entries `first` to `last`, a damaged one as what it is; raises StoreError."""
    directory = str(store.read_one(_ID)[0])[:8]
    target = folder / f"{quote(name, safe='')[:_NAMED]}-{directory}-{worker}-{first}-{last}.jsonl.gz"

    def fill(out: IO[bytes]) -> None:
        with gzip.GzipFile(fileobj=out, mode="wb", filename="", mtime=0) as packed:
            after: object = first - 1
            while page := store.page(worker, after, _AT_ONCE):
                for index, record in page:
                    if not isinstance(index, int) or index > last:
                        return
                    marked = Record(record.index, record.time, record.entry, record.index in deleted)
                    packed.write(json.dumps(as_json(marked), ensure_ascii=False).encode("utf-8", "backslashreplace"))
                    packed.write(b"\n")
                after = page[-1][0]

    def on_disk(out: IO[bytes]) -> None:
        fill(out)
        out.flush()
        os.fsync(out.fileno())

    try:
        write_whole(target, on_disk)
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)  # the name too
        finally:
            os.close(handle)
    except OSError as error:
        raise StoreError(str(target), error.strerror or str(error)) from error
    return target
