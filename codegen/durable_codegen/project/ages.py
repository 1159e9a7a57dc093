"""For how long data is kept: the table `[tool.durable-dsl.retention]`, which `durable-dsl data prune` goes by.

Ages are lengths of time, such as "30d", or "never" for what is not to be dropped by age. Each build checks them: a
mistake is not found by what is dropped.
"""

from __future__ import annotations

from typing import Final

from durable_codegen.faults import Fault
from durable_dsl.errors import MarkError
from durable_dsl.policy import duration_ns

__all__ = ["AGES", "ARCHIVE", "TAKES", "WrongAge", "faults_in", "parse"]

#: Setting → what is kept for so long.
AGES: Final = {
    "results": "results by idempotency key, of invocations whose entries are dropped",
    "history": "entries that a snapshot stands for",
    "finished": "workers that are idle or have exited, with nothing to do or to wait for",
    "failed": "workers that have failed",
}
ARCHIVE: Final = "archive"
TAKES: Final = 'a length of time, such as "12h" or "30d", or "never"'


class WrongAge(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """The text is none of what `TAKES` says."""


def parse(text: str) -> int | None:
    """An age in nanoseconds; None for "never". Raises WrongAge."""
    if text.strip() == "never":
        return None
    try:
        return duration_ns(text.strip(), "age")
    except MarkError:
        raise WrongAge(text) from None


def faults_in(table: object) -> list[Fault]:
    """All that is wrong with the table; what is none at all is told by whoever reads settings."""
    found: list[Fault] = []
    if not isinstance(table, dict):
        return found
    for name, value in table.items():
        if name not in AGES and name != ARCHIVE:
            settings = ", ".join([*AGES, ARCHIVE])
            found.append(Fault("DSL401", f"unknown setting retention.{name}", hint=f"the settings are {settings}"))
            continue
        try:
            if name in AGES:
                parse(str(value))
        except WrongAge:
            found.append(Fault("DSL402", f"retention.{name} is {value!r}", hint=f"retention.{name} takes {TAKES}"))
    return found
