"""Hiding secrets where oplogs, environments and failures are shown: by the names that values go by, and their forms.

Values of headers, variables and members whose name says that they are secret are replaced by `<hidden>`; in text also
what stands where an URL has a user's name or such a parameter, and tokens after `Bearer` and `Basic`. That is for what
is shown. It finds what is named as usual, and is no protection of what was recorded: what must not be in the oplog is
given as a secret (`secret_values.py`).
"""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "<hidden>"
_HEADERS = r"authorization|proxy-authorization|cookie|set-cookie"
_WORDS = (
    r"secret|token|passw(?:or)?d|passwd|passphrase|pwd|api[-_]?key|access[-_]?key|private[-_]?key|signing[-_]?key"
    r"|credentials?|session[-_]?id|signature"
)
_NAME = re.compile(
    rf"(?:{_HEADERS})|(?:.*[-_.])?(?:{_WORDS})(?:[-_.].*)?|.*(?:Secret|Token|Password|ApiKey|AccessKey)", re.IGNORECASE
)
_PARAMETERS = rf"(?:[\w.-]*[-_.])?(?:{_WORDS}|sig|auth|key|code)"
_IN_TEXT = (
    # "name": "value" and "name","value", as JSON and Python write members and pairs
    (
        re.compile(
            rf"""(?P<before>\\?["'](?:{_HEADERS}|(?:[\w.-]*[-_.])?(?:{_WORDS})(?:[-_.][\w.-]*)?)\\?["']\s*[:,]\s*\[?)"""
            r"""(?P<quote>\\?["'])(?P<value>(?:(?!(?P=quote)).)*)(?P=quote)""",
            re.IGNORECASE | re.DOTALL,
        ),
        rf"\g<before>\g<quote>{HIDDEN}\g<quote>",
    ),
    # authorization: value, as in the head of a request
    (
        re.compile(rf"(?P<before>\b(?:{_HEADERS}|x-api-key):[ \t]*)(?![\"'\[])[^\r\n\"']+", re.IGNORECASE),
        rf"\g<before>{HIDDEN}",
    ),
    (re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://)[^/?#\s@\"'<]+@", re.IGNORECASE), rf"\g<before>{HIDDEN}@"),
    (
        re.compile(rf"(?P<before>[?&]{_PARAMETERS}=)[^&#\s\"'\\<]+", re.IGNORECASE),
        rf"\g<before>{HIDDEN}",
    ),
    (re.compile(r"(?P<before>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\g<before>{HIDDEN}"),
    # NAME=value, as variables are written
    (
        re.compile(rf"(?P<before>\b(?:[A-Z0-9]+_)*(?:{_WORDS.upper()}|KEY)=)[^\s\"'&<]+"),
        rf"\g<before>{HIDDEN}",
    ),
)
#: A text that none of these can be in: each has a sign or a blank in it.
_NONE_OF_THEM = re.compile(r"""[^\s"':=]*""")


def is_secret(name: str) -> bool:
    """Whether what goes by this name is better not shown."""
    return _NAME.fullmatch(name) is not None


def redacted(value: Any) -> Any:
    """A JSON value without its secrets: members and pairs by their names, all other text by its form."""
    if isinstance(value, str):
        return redacted_text(value)
    if isinstance(value, dict):
        return {name: _of(name, each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        if len(value) == 2 and isinstance(value[0], str) and is_secret(value[0]):
            return [value[0], _of(value[0], value[1])]
        return [redacted(each) for each in value]
    return value


def _of(name: str, value: Any) -> Any:
    if not is_secret(name) or isinstance(value, (bool, int, float)) or value is None:
        return redacted(value)
    return HIDDEN


def redacted_text(text: str) -> str:
    """A text without the secrets in it that can be told by their form."""
    if _NONE_OF_THEM.fullmatch(text):
        return text
    for pattern, instead in _IN_TEXT:
        text = pattern.sub(instead, text)
    return text
