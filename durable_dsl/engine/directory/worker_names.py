"""What a worker may be called: what can be written on a line, in an address and on a command line, and told apart."""

from __future__ import annotations

import unicodedata

from durable_dsl.engine.errors import UsageError

_LONGEST = 255
#: Control characters, marks that turn the direction of writing and the like, separators of lines, half characters.
_REFUSED = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def is_text(name: str) -> bool:
    """Whether it can be written at all: a byte of the command line that is no UTF-8 becomes half a character."""
    return not any("\ud800" <= each <= "\udfff" for each in name)


def check_name(name: str) -> None:
    """Raises UsageError for a name that no new worker may have."""
    if not name or name.isspace():
        raise UsageError("a worker's name is empty", "leave the name out to have one made")
    if len(name) > _LONGEST:
        raise UsageError(f"the worker's name {name[:40]!r}… has {len(name)} characters; {_LONGEST} are the most")
    refused = next((each for each in name if unicodedata.category(each) in _REFUSED), None)
    if refused is not None:
        raise UsageError(
            f"the worker's name {name!a} has {refused!a} in it", "letters, digits and signs are what it may have"
        )
