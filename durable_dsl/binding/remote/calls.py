"""A call of another worker as both bindings see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Nodes", "Target"]

#: A value as a list of nodes, pairs of case and payload, the root first. A result is a tuple of none or one value.
Nodes: TypeAlias = list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Target:
    """A worker, and the interface of it that is meant: "demo:stock/shelves", "" for the world's own functions."""

    component: str
    worker: str
    interface: str

    def spelled(self, function: str) -> str:
        """A function as golem:rpc wants it."""
        return f"{self.interface}.{{{function}}}" if self.interface else function
