"""A component's file: read once, and what was read is what is hashed, compiled and stored.

Reading a component only to find its hash would be a good part of a command's start-up time, so hash and facts are
remembered for a file that was not touched since (`cache.py`). Whoever needs the bytes after all reads them then, and
gets them only if they have the hash: a file may have been replaced meanwhile, and a disk may lose a bit.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_dsl.engine.directory import cache
from durable_dsl.engine.directory.sections import custom_section
from durable_dsl.engine.traps import ComponentFault

if TYPE_CHECKING:
    from pathlib import Path

#: The custom section of a build.
SECTION = "durable-dsl"


class ChangedFile(Exception):  # noqa: N818 - a state of things; callers say what it means
    """A file has not the content that it had, or that it is said to have."""


@dataclass(slots=True)
class ComponentFile:
    """The content of a file. `facts` is the section that `durable-dsl build` wrote, if it did."""

    path: Path
    hash: str
    size: int
    facts: bytes | None
    _content: bytes | None = None

    @classmethod
    def read(cls, path: Path) -> ComponentFile:
        """Read it, whatever is remembered of it. Raises OSError."""
        with path.open("rb") as file:
            before = cache.identity(os.fstat(file.fileno()))
            content = file.read()
            untouched = cache.identity(os.fstat(file.fileno())) == before
        facts = None
        with contextlib.suppress(ComponentFault):  # it cannot be compiled either, which says more
            facts = custom_section(content, SECTION, path)
        found = cls(path, hashlib.sha256(content).hexdigest(), len(content), facts, content)
        if untouched:
            cache.remember(path, before, (found.hash, found.size, found.facts))
        return found

    @classmethod
    def known(cls, path: Path) -> ComponentFile:
        """As it is remembered; else `read`."""
        remembered = cache.remembered(path)
        return cls.read(path) if remembered is None else cls(path, *remembered)

    def content(self) -> bytes:
        """All bytes, which have the hash; raises ChangedFile where they have not."""
        if self._content is None:
            content = self.path.read_bytes()
            if hashlib.sha256(content).hexdigest() != self.hash:
                cache.forget(self.path)
                raise ChangedFile(str(self.path))
            self._content = content
        return self._content

    def release(self) -> None:
        """Keep the bytes no longer."""
        self._content = None
