"""Queries of search-oplog: which entries they find, and how a bad one is told."""

from __future__ import annotations

import pytest

from durable_dsl.engine.interfaces.golem.oplog_query import QueryFault, parse

ENTRIES = {
    "add": {
        "kind": "exported-function-invoked",
        "function": "golem:it/api.{add-item}",
        "request": [{"product-id": "G1001", "name": "Golem T-Shirt M", "quantity": 5, "gift": True}],
    },
    "other": {"kind": "exported-function-invoked", "request": [{"product-id": "G1000", "quantity": 51}]},
    "result": {"kind": "exported-function-completed", "response": {"ok": [["product-id"], None]}},
    "log": {"kind": "log", "level": "stdout", "message": 'said "yes" AND product_id: G1001, c:\\x (really)'},
    "call": {"kind": "imported-function-invoked", "function": "golem random::get_random_bytes"},
}


def found(query):
    return [name for name, entry in ENTRIES.items() if parse(query)(entry)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", list(ENTRIES)),
        ("  ", list(ENTRIES)),
        ("G1001", ["add", "log"]),
        ("g1001", ["add", "log"]),
        ("imported-function", ["call"]),
        ("exported-function invoked", ["add", "other"]),
        ("G1001 AND stdout", ["log"]),
        ("G1001 NOT stdout", ["add"]),
        ("G1001 AND NOT stdout", ["add"]),
        ("NOT G1001", ["other", "result", "call"]),
        ("NOT NOT log", ["log"]),
        ("G1001 OR G1000", ["add", "other", "log"]),
        ("log OR invoked AND G1000", ["other", "log"]),
        ("(log OR invoked) AND G1000", ["other"]),
        ("((log))", ["log"]),
        ("invoked (G1000 OR (shirt AND NOT stdout))", ["add", "other"]),
        ("NOT (invoked OR completed)", ["log"]),
        ("said and", ["log"]),
        ('"AND"', ["log", "call"]),
        ('"t-shirt m"', ["add"]),
        ('"shirt t"', []),
        ('"\\"yes\\" and"', ["log"]),
        ("\\(really\\)", ["log"]),
        ('"(really)"', ["log"]),
        ("c:\\\\x", ["log"]),
        ("product-id:G1001", ["add"]),
        ("product-id:G1001 OR product-id:G1000", ["add", "other"]),
        ("Product-ID:g1", ["add", "other"]),
        ("quantity:5 NOT quantity:51", ["add"]),
        ("gift:true", ["add"]),
        ('name:"T-Shirt M"', ["add"]),
        ("name:G1001", []),
        ("product-id", ["add", "other", "result"]),
        ("golem:it/api", ["add"]),
        ("random::get_random", ["call"]),
        ("function:golem", ["add", "call"]),
        ("response:null", ["result"]),
    ],
)
def test_what_a_query_finds(query, expected):
    """Words, quoted texts, members, AND, OR, NOT, parentheses."""
    assert expected == found(query)


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("(a", "a parenthesis that is not closed at character 1"),
        ("a OR (b AND c", "a parenthesis that is not closed at character 6"),
        ("a)", "a closing parenthesis that was not opened at character 2"),
        ("()", "a word is missing before ')' at character 2"),
        ("a OR", "nothing follows at character 5"),
        ("NOT", "nothing follows at character 4"),
        ("AND a", "a word is missing before 'AND' at character 1"),
        ("a AND OR b", "a word is missing before 'OR' at character 7"),
        ('a "b', "a quotation mark that is not closed at character 3"),
        ("a \\", "a backslash before nothing at character 3"),
        ("name:(a OR b)", "a word is missing after 'name:' at character 1"),
        ("(" * 200 + "a", "too many parentheses in each other at character 101"),
        ("NOT " * 200 + "a", "too many"),
    ],
)
def test_a_bad_query(query, what):
    """It is told what is wrong, and where."""
    with pytest.raises(QueryFault) as raised:
        parse(query)
    assert what in str(raised.value)
    assert "A query is made of words" in str(raised.value)
