"""The queries of `search-oplog`: what is looked for in an entry.

    word              somewhere in the entry: its kind, a function's name, a value, the name of a member
    "some words"      the same for a text with spaces, or with a meaning here
    name:word         in a member of that name, as `product-id:G1001`; or the text as it stands
    a b, a AND b      both
    a OR b            one of them, or both; AND binds more closely
    NOT a             not that, as in `a AND NOT b`
    ( … )             what belongs together

Case does not matter, but in the three operators, which are words like others where they are not in capitals. A
backslash takes the meaning from the character after it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Whether an entry, in the form of `oplog.view`, is one that is looked for.
Matches: TypeAlias = Callable[[Any], bool]

_TOKEN = re.compile(r'\s*(?:(?P<sign>[()])|(?P<text>(?:"(?:\\.|[^"\\])*"|\\.|[^\s()"\\])+))', re.DOTALL)
_PIECE = re.compile(r'"(?P<quoted>(?:\\.|[^"\\])*)"|\\(?P<escaped>.)|(?P<colon>:)|(?P<plain>[^"\\:]+)', re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_OPERATORS = frozenset({"AND", "OR", "NOT"})
_DEEPEST = 100


class QueryFault(ValueError):  # noqa: N818 - the query is at fault
    """What is wrong with a query, and where."""

    def __init__(self, query: str, position: int, what: str) -> None:
        super().__init__(query, position, what)
        self.query = query
        self.position = position
        self.what = what

    def __str__(self) -> str:
        return (
            f"the query {self.query!r} cannot be read: {self.what} at character {self.position + 1}. A query is made "
            'of words, "quoted texts", name:word, AND, OR, NOT and parentheses'
        )


class _Token(NamedTuple):
    text: str
    position: int


def parse(query: str) -> Matches:
    """What a query looks for; an empty one finds every entry. Raises QueryFault."""
    parser = _Parser(query)
    return parser.whole()


class _Parser:
    def __init__(self, query: str) -> None:
        self._query = query
        self._tokens = list(_tokens(query))
        self._at = 0
        self._depth = 0

    def whole(self) -> Matches:
        if not self._tokens:
            return lambda _entry: True
        found = self._any_of()
        if (token := self._next()) is not None:
            raise self._fault(token, "a closing parenthesis that was not opened")
        return found

    def _next(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _takes(self, text: str) -> bool:
        token = self._next()
        if token is None or token.text != text:
            return False
        self._at += 1
        return True

    def _any_of(self) -> Matches:
        ways = [self._all_of()]
        while self._takes("OR"):
            ways.append(self._all_of())
        return ways[0] if len(ways) == 1 else lambda entry: any(way(entry) for way in ways)

    def _all_of(self) -> Matches:
        parts = [self._one()]
        while self._takes("AND") or ((token := self._next()) is not None and token.text not in {"OR", ")"}):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda entry: all(part(entry) for part in parts)

    def _one(self) -> Matches:
        token = self._next()
        if token is None:
            raise QueryFault(self._query, len(self._query), "nothing follows")
        self._at += 1
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._fault(token, "too many parentheses in each other")
        try:
            if token.text == "NOT":
                other = self._one()
                return lambda entry: not other(entry)
            if token.text == "(":
                return self._group(token)
        finally:
            self._depth -= 1
        if token.text == ")" or token.text in _OPERATORS:
            raise self._fault(token, f"a word is missing before {token.text!r}")
        if token.text.endswith(":") and len(token.text) > 1 and token.text[-2] not in ":\\":
            raise self._fault(token, f"a word is missing after {token.text!r}")
        return _term(token.text)

    def _group(self, opening: _Token) -> Matches:
        inside = self._any_of()
        if not self._takes(")"):
            raise self._fault(opening, "a parenthesis that is not closed")
        return inside

    def _fault(self, token: _Token, what: str) -> QueryFault:
        return QueryFault(self._query, token.position, what)


def _tokens(query: str) -> Iterator[_Token]:
    at = 0
    while query[at:].strip():
        match = _TOKEN.match(query, at)
        if match is None:
            start = at + len(query[at:]) - len(query[at:].lstrip())
            what = "a quotation mark that is not closed" if query[start] == '"' else "a backslash before nothing"
            raise QueryFault(query, start, what)
        text = match["sign"] or match["text"]
        yield _Token(text, match.end() - len(text))
        at = match.end()


def _term(text: str) -> Matches:
    """A word, or `name:word`: the name is what stands before the first colon that means something."""
    said, name = "", None
    for piece in _PIECE.finditer(text):
        if piece["colon"] is not None and name is None and said:
            name, said = said, ""
        elif piece["quoted"] is not None:
            said += _ESCAPE.sub(r"\1", piece["quoted"])
        else:
            said += piece["escaped"] or piece["colon"] or piece["plain"]
    wanted = said.casefold()
    if name is None:
        return lambda entry: _contains(entry, wanted)
    member, literal = name.casefold(), f"{name}:{said}".casefold()
    return lambda entry: _member_contains(entry, member, wanted) or _contains(entry, literal)


def _contains(value: Any, wanted: str) -> bool:
    if isinstance(value, dict):
        return any(wanted in str(name).casefold() or _contains(each, wanted) for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return any(_contains(each, wanted) for each in value)
    return wanted in _text(value).casefold()


def _member_contains(value: Any, member: str, wanted: str) -> bool:
    if isinstance(value, dict):
        return any(
            (str(name).casefold() == member and _contains(each, wanted)) or _member_contains(each, member, wanted)
            for name, each in value.items()
        )
    return isinstance(value, (list, tuple)) and any(_member_contains(each, member, wanted) for each in value)


def _text(value: Any) -> str:
    """As JSON has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)
