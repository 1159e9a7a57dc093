"""Which host functions an app needs, read from its source: never too few, and none that it does not use."""

from __future__ import annotations

import pytest

from durable_codegen.app.modules import Module, Root, parse
from durable_codegen.app.usage import WORDS
from durable_codegen.plan.words import by_hand, mentioning, words_in_use
from tests.codegen.projects import write

EVERYTHING = frozenset(function for functions in WORDS.values() for function in functions)
ATOMIC = {"mark-begin-operation", "mark-end-operation"}
REPEATING = {"get-oplog-index", "set-oplog-index", "get-retry-policy"}
HOST = ["mark-begin-operation", "get-oplog-index", "get-workers", "trap"]


def module(folder, text):
    write(folder, {"app.py": text})
    found = parse("app", folder / "app.py", Root(folder, "app"), is_package=False)
    assert isinstance(found, Module)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from durable_dsl import atomic", ATOMIC),
        ("from durable_dsl import atomic as whole\n@whole\ndef f(): pass", ATOMIC),
        ("from durable_dsl.marks import atomic", ATOMIC),
        ("from durable_dsl import Err, PersistenceLevel, export", set()),
        ("import durable_dsl", set()),
        ("import durable_dsl\n@durable_dsl.atomic\ndef f(): pass", ATOMIC),
        ("import durable_dsl as d\nwith d.atomic(): pass", ATOMIC),
        ("import durable_dsl.marks\ndurable_dsl.marks.atomic", ATOMIC),
        ("from durable_dsl import marks as m\nm.atomic", ATOMIC),
        ("import durable_dsl as d\nd.Err, d.errors.MarkError", set()),
        ("def f():\n    from durable_dsl import oplog_index", {"get-oplog-index"}),
        ("from durable_dsl import commit, oplog_commit", {"oplog-commit"}),
        ("from durable_dsl import rewind", {"set-oplog-index"}),
        ("from durable_dsl import idempotency_key", {"generate-idempotency-key"}),
        ("from durable_dsl import persistence_level", {"get-oplog-persistence-level"}),
        ("from durable_dsl import persist", {"get-oplog-persistence-level", "set-oplog-persistence-level"}),
        ("from durable_dsl import is_idempotent, retry_policy", {"get-idempotence-mode", "get-retry-policy"}),
        ("from durable_dsl import idempotent", {"get-idempotence-mode", "set-idempotence-mode"}),
        ("from durable_dsl import retry", {"get-retry-policy", "set-retry-policy"}),
        ("from durable_dsl import TransactionFailed, operation, transaction\n@transaction\ndef f(): pass", set()),
        ("from durable_dsl import transaction\n@transaction(retry=False)\ndef f(): pass", set()),
        ("from durable_dsl import transaction\n@transaction(retry=True)\ndef f(): pass", REPEATING),
        ("from durable_dsl import transaction as t\nwith t(retry=often): pass", REPEATING),
        ("from durable_dsl import transaction\ntransaction(**options)", REPEATING),
        (
            "from functools import partial\nfrom durable_dsl import transaction\npartial(transaction, retry=True)",
            REPEATING,
        ),
        ("connect(retry=True)", set()),
        ("import other\nother.atomic", set()),
        ('"""Uses durable_dsl, but only in words."""', set()),
    ],
)
def test_words_ask_for_their_functions(text, expected, tmp_path):
    """Each word, imported or reached, under any name."""
    assert words_in_use([module(tmp_path, text)]) == expected


@pytest.mark.parametrize(
    "text",
    [
        "from durable_dsl import *",
        "import durable_dsl\nhand_on(durable_dsl)",
        "import durable_dsl as d\ngetattr(d, name)",
        "import importlib\nimportlib.import_module('durable_dsl')",
        "import sys\nsys.modules['durable_dsl.marks']",
        "from durable_dsl import marks\nvars(marks)",
        "from durable_dsl.somewhere import unknown",
    ],
)
def test_what_cannot_be_told_counts_as_everything(text, tmp_path):
    """When in doubt it is in."""
    assert words_in_use([module(tmp_path, text)]) == EVERYTHING


def test_vendored_packages_count(tmp_path):
    """Every module of them, reached or not."""
    write(
        tmp_path, {"lib/a.py": "from durable_dsl import atomic\n", "lib/b.py": "x = = 1 # durable_dsl\n", "c.py": "1"}
    )

    assert words_in_use(mentioning(tmp_path)) == ATOMIC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from wit_world.imports.host import mark_begin_operation", {"mark-begin-operation"}),
        ("from wit_world.imports import host\nhost.get_oplog_index()", {"get-oplog-index"}),
        ("import py_example.imports.host\npy_example.imports.host.get_oplog_index()", {"get-oplog-index"}),
        ("from wit_world.imports import host\ngetattr(host, 'get_oplog_index')", {"get-oplog-index"}),
        ("from wit_world.imports import host\nhost.GetWorkers(a, b, c)", {"get-workers"}),
        ("from wit_world.imports import host\nhost.PersistenceLevel_Smart()", set()),
        ("from wit_world.imports.host import *", set(HOST)),
        ("from wit_world.imports import host\ngetattr(host, name)", set(HOST)),
        ("import wit_world\ngetattr(wit_world.imports.host, name)", set(HOST)),
        ("from wit_world.imports import golem_api_host as h\nvars(h)", set(HOST)),
    ],
)
def test_functions_called_by_hand(text, expected, tmp_path):
    """By whatever way the app gets at its bindings."""
    assert by_hand([module(tmp_path, text)], HOST) == expected


PROMISES = "import asyncio\nfrom durable_dsl import Promise, create_promise\n"
ELSEWHERE = "async def g():\n    await asyncio.sleep(1)\n    await asyncio.wait([h()], timeout=1)\n"


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        ("def f():\n    p = create_promise(str)\n    print(p.id)\n    return p.wait()", False),
        ("def f(id):\n    return Promise(id, str).complete('x')", False),
        ("def f():\n    return create_promise().wait(timeout=None)", False),
        ("def f():\n    p = create_promise(str)\n    return p.wait(timeout='1m')", True),
        ("def f():\n    return create_promise(str).wait(5)", True),
        ("async def f():\n    p = create_promise(str)\n    return await p", True),
        ("async def f():\n    return await create_promise(str).wait_async()", True),
        ("def f():\n    return [create_promise(str)]", True),
        ("def f(make=create_promise):\n    return make(str)", True),
        ("def f(p: Promise[str]):\n    return p.wait()", True),
    ],
)
def test_promises_are_looked_at_only_where_one_may_be_waited_for_so(tmp_path, text, looks):
    """What else the module awaits does not matter, as long as no promise gets out of sight."""
    found = words_in_use([module(tmp_path, f"{PROMISES}{ELSEWHERE}{text}\n")])

    assert looks == ("poll-promise" in found)
