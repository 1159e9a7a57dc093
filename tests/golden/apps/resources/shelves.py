"""Another resource of the same name."""

from __future__ import annotations


class Cart:
    def wheels(self) -> int:
        return 4
