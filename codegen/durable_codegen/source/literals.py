"""Text from outside as Python writes it: in docstrings, in comments and as strings, where it is never code.

Docs, file names and names of components come from users, their dependencies and other people's components. Whatever
stands in them, a generated module parses, says the same text, and does nothing else.
"""

from __future__ import annotations

import inspect

__all__ = ["clean", "docstring", "in_comment", "in_docstring", "quoted"]

_TRIPLE = '"""'


def clean(text: str) -> str:
    """Docs without the indentation of where they stood, and without space at the ends of lines."""
    lines = [line.rstrip(" ") for line in inspect.cleandoc(text).split("\n")]
    return "\n".join(lines).strip("\n")


def docstring(text: str, at: int) -> str:
    """A docstring to stand `at` columns in, of which `inspect.cleandoc` makes what `clean` makes of `text`."""
    first, *rest = clean(text).split("\n")
    indent = " " * at
    # What stands right behind the quotation marks loses its indentation, and the other lines what they all have.
    if first[:1].isspace() or (rest and all(each[:1].isspace() or not each for each in rest)):
        first, rest = "", [first, *rest]
    lines = [in_docstring(first), *(f"{indent}{in_docstring(each)}" if each else "" for each in rest)]
    if rest:
        lines.append(indent)
    elif first.endswith('"'):
        lines = [in_docstring(first[:-1]) + '\\"']
    return f"{_TRIPLE}{chr(10).join(lines)}{_TRIPLE}"


def in_docstring(line: str) -> str:
    """One line of text as part of a docstring."""
    return _escaped(line).replace(_TRIPLE, '\\"\\"\\"')


def quoted(text: str) -> str:
    """Text as a string in double quotes."""
    return '"' + _escaped(text).replace('"', '\\"') + '"'


def in_comment(text: str) -> str:
    """Text as part of a comment, on one line."""
    return "".join(each if each.isprintable() else _escape(each) for each in text)


def _escaped(text: str) -> str:
    return "".join(each if each.isprintable() and each != "\\" else _escape(each) for each in text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
