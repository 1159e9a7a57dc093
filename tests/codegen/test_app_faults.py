"""What the build says of a wrong app: code, place and text of each fault, and all of them in one run."""

from __future__ import annotations

import sys
import time

import pytest

from tests.codegen.projects import MOVE, PLACE, WORLD, faults_of, places

CARTS = """package a:b;
interface api { resource cart { constructor(owner: string); add: func(n: u8); } }
world w { export api; }
"""
USES = "from durable_dsl import *\n"

#: Name → app, code, line, what the message says, what the hint says.
FAULTS = {
    "unknown-level": (f'{USES}@persist("everything")\n{PLACE}{MOVE}', "DSL001", 2, "'everything'", '"smart"'),
    "negative-duration": (f"{USES}@retry(min_delay=-1)\n{PLACE}{MOVE}", "DSL002", 2, "negative: -1", "100ms"),
    "bad-duration": (f'{USES}@retry(min_delay="soon")\n{PLACE}{MOVE}', "DSL002", 2, "'soon'", "100ms"),
    "attempts": (f"{USES}@retry(max_attempts=-1)\n{PLACE}{MOVE}", "DSL003", 2, "max_attempts is -1", "0 (never again)"),
    "bare-retry": (f"{USES}@retry\n{PLACE}{MOVE}", "DSL004", 2, "changes nothing", "max_attempts=5"),
    "empty-retry": (f"{USES}@retry()\n{PLACE}{MOVE}", "DSL004", 2, "changes nothing", "max_attempts=5"),
    "twice": (f"{USES}@persist\n@persist\n{PLACE}{MOVE}", "DSL005", 2, "@persist twice", "line 3"),
    "both-modes": (f"{USES}@idempotent\n@non_idempotent\n{PLACE}{MOVE}", "DSL006", 2, "@non_idempotent", "line 3"),
    "at-most-once-unrecorded": (
        f'{USES}@non_idempotent\n@persist("persist-nothing")\n{PLACE}{MOVE}',
        "DSL007",
        2,
        "nothing is recorded",
        "line 3",
    ),
    "mark-on-class": (f"{USES}@atomic\nclass A: pass\n{PLACE}{MOVE}", "DSL008", 2, "class A", "methods"),
    "mark-on-generator": (f"{USES}@atomic\ndef g(): yield 1\n{PLACE}{MOVE}", "DSL008", 2, "g, a generator", "yield"),
    "mark-on-async-generator": (
        f"{USES}@atomic\nasync def g(): yield 1\n{PLACE}{MOVE}",
        "DSL008",
        2,
        "g, a generator",
        "",
    ),
    "yield-in-region": (
        f"{USES}def g():\n    with atomic:\n        yield 1\n{PLACE}{MOVE}",
        "DSL009",
        4,
        "line 3",
        "after it",
    ),
    "yield-in-named-region": (
        (
            "import durable_dsl as d\ndef g():\n    r = d.retry(max_attempts=1)\n    with r:\n        yield from []\n"
            f"{PLACE}{MOVE}"
        ),
        "DSL009",
        5,
        "retry, line 4",
        "",
    ),
    "bad-argument": (f"{USES}@commit(replicas=-1)\n{PLACE}{MOVE}", "DSL010", 2, "replicas is -1", "whole number"),
    "hidden-exception": (
        (
            f"{USES}def make():\n    class Hidden(Exception): pass\n    return Hidden\n"
            f"@atomic(commit_on=make())\n{PLACE}{MOVE}"
        ),
        "DSL010",
        5,
        "Hidden",
        "top of a module",
    ),
    "commit-inside": (f"{USES}@atomic\n@commit\n{PLACE}{MOVE}", "DSL011", 3, "@commit under @atomic on place", "above"),
    "no-jitter": (f"{USES}@retry(jitter=0.1)\n{PLACE}{MOVE}", "DSL108", 2, "golem-1.0 has no jitter", "golem-1.1"),
    "no-jitter-in-block": (
        (
            f"from durable_dsl import retry as again\n{PLACE}"
            "def move(source, target):\n    with again(jitter=0.1): return 0\n"
        ),
        "DSL108",
        4,
        "golem-1.0 has no jitter",
        "golem-1.1",
    ),
    "too-few": (
        f"{PLACE}def move(source): return 0\n",
        "DSL202",
        2,
        "move takes 1 parameter, the export move has 2",
        "def move(source: str, target: str) -> int",
    ),
    "too-many": (f"{PLACE}def move(source, target, how): return 0\n", "DSL202", 2, "3 parameters", "WIT: move: func("),
    "unknown-keyword": (f"{PLACE}def move(source, target, *, how): return 0\n", "DSL203", 2, "needs how", "def move("),
    "unknown-name": (f"{PLACE}def move(source, goal): return 0\n", "DSL203", 2, "a parameter goal", "target: str"),
    "other-order": (
        f"{PLACE}def move(target, source): return 0\n",
        "DSL203",
        2,
        "another order",
        "source: str, target",
    ),
    "export-of-nothing": (
        f"{USES}{PLACE}{MOVE}@export\ndef moove(source, target): return 0\n",
        "DSL204",
        4,
        "exports no moove",
        "did you mean orders#move?",
    ),
    "export-to-nowhere": (
        f'{USES}{PLACE}{MOVE}@export("desk")\ndef other(): pass\n',
        "DSL204",
        4,
        "no desk",
        "orders#place",
    ),
    "two-for-one": (
        USES
        + PLACE
        + MOVE
        + "".join(f'@export("orders#move")\ndef {name}(source, target): return 0\n' for name in "ab"),
        "DSL205",
        6,
        "b and a both implement orders#move",
        "app.py:4",
    ),
    "replaced": (
        f'{USES}{MOVE}@export("orders")\n{PLACE}@export("orders")\n{PLACE}',
        "DSL205",
        5,
        "place and place both implement orders#place",
        "app.py:3",
    ),
    "not-a-function": (f"{PLACE}move = 3\n", "DSL207", 2, "type int", "define a function move"),
    "a-class": (f"{PLACE}class move: pass\n", "DSL207", 2, "move is a class", "define a function move"),
    "a-generator": (f"{PLACE}def move(source, target): yield 1\n", "DSL207", 2, "a generator", "collect"),
    "import-error": (f"{PLACE}{MOVE}\nvalue = {{}}['key']\n", "DSL210", 4, "KeyError: 'key'", "build time"),
    "exit": (f"import sys\n{PLACE}{MOVE}sys.exit(3)\n", "DSL210", 4, "ends the process", "__main__"),
    "syntax": (f"{PLACE}{MOVE}def broken(:\n", "DSL211", 3, "syntax error", "3.14"),
    "lzma": (f"import lzma\n{PLACE}{MOVE}", "DSL301", 1, "lzma is not there", "guard the import"),
    "ctypes-late": (
        f"{PLACE}def move(source, target):\n    import ctypes\n    return 0\n",
        "DSL301",
        3,
        "(it needs _ctypes)",
        "",
    ),
    "not-vendored": (
        f"from requests.adapters import x\n{PLACE}{MOVE}",
        "DSL301",
        1,
        "no dependency",
        "add requests to",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name, tmp_path):
    """Code, file and line, message and hint."""
    app, code, line, message, hint = FAULTS[name]
    faults = faults_of(tmp_path, {"app.py": app})
    fault = faults[0]

    assert [(code, f"app.py:{line}")] == places(faults)
    assert message in fault.message
    assert hint in fault.hint


def test_export_without_implementation(tmp_path):
    """The place is that of the export in the WIT; the hint is what to paste."""
    faults = faults_of(tmp_path, {"app.py": PLACE})

    assert places(faults) == [("DSL201", "wit/world.wit:6")]
    assert "app.py has no function for the export orders#move" in faults[0].message
    assert faults[0].hint == "add to app.py:\ndef move(source: str, target: str) -> int: ..."


def test_all_faults_come_in_one_run(tmp_path):
    """Imports, marks, regions and exports at once, by file and line."""
    app = (
        "from durable_dsl import atomic, persist, retry\n"
        "def late():\n    import lzma\n"
        '@persist("nothing")\n@retry(max_attempts=-1)\ndef move(source): return 0\n'
        "def g():\n    with atomic: yield\n"
    )
    faults = faults_of(tmp_path, {"app.py": app})

    assert places(faults) == [
        ("DSL301", "app.py:3"),
        ("DSL001", "app.py:4"),
        ("DSL003", "app.py:5"),
        ("DSL202", "app.py:6"),
        ("DSL009", "app.py:8"),
        ("DSL201", "wit/world.wit:5"),
    ]


def test_a_shared_name_has_to_be_told_apart(tmp_path):
    """A function that may be meant for two interfaces."""
    world = WORLD.replace(
        "world shop {",
        "interface stock { move: func(source: string, target: string) -> u32; }\nworld shop {\n    export stock;",
    )
    faults = faults_of(tmp_path, {"app.py": PLACE + MOVE, "wit/world.wit": world})

    assert ("DSL206", "app.py:2") in places(faults)
    assert "move may be" in faults[0].message
    assert '@export("stock")' in faults[0].hint


def test_a_resource_without_class(tmp_path):
    """The hint is the whole class."""
    faults = faults_of(tmp_path, {"app.py": "", "wit/world.wit": CARTS})

    assert places(faults) == [("DSL208", "wit/world.wit:2")]
    assert (
        "class Cart:\n    def __init__(self, owner: str) -> None: ...\n    def add(self, n: int) -> None: ..."
        in faults[0].hint
    )


def test_a_resource_without_method(tmp_path):
    """Only the method is asked for."""
    app = "class Cart:\n    def __init__(self, owner): pass\n"
    faults = faults_of(tmp_path, {"app.py": app, "wit/world.wit": CARTS})

    assert places(faults) == [("DSL201", "wit/world.wit:2")]
    assert "add to the class Cart:\ndef add(self, n: int) -> None: ..." in faults[0].hint


def test_classes_may_name_parameters_freely(tmp_path):
    """componentize-py hands parameters over by position, and existing classes rely on it; their number has to fit."""
    app = "class Orders:\n    def place(self, o): return o.id\n    def move(self, a): return 0\n"
    faults = faults_of(tmp_path, {"app.py": app})

    assert places(faults) == [("DSL202", "app.py:3")]
    assert "def move(self, source: str, target: str) -> int: ..." in faults[0].hint


def test_a_decorator_may_hide_the_parameters(tmp_path):
    """What takes any number of arguments takes those of the export."""
    app = f"def d(f):\n    return lambda *given: f(*given)\n@d\n{PLACE}def move(source, *rest): return 0\n"

    assert faults_of(tmp_path, {"app.py": app}) == ()


def test_traceback_is_the_users_own(tmp_path):
    """Paths as the user knows them, frames of the build left out."""
    faults = faults_of(
        tmp_path, {"src/app.py": "import helper\n", "src/helper.py": "def f():\n    1 / 0\nf()\n"}, app="src/app.py"
    )

    assert places(faults) == [("DSL210", "src/helper.py:2")]
    assert [line for line in faults[0].detail.splitlines() if "File" in line] == [
        '  File "src/app.py", line 1, in <module>',
        '  File "src/helper.py", line 3, in <module>',
        '  File "src/helper.py", line 2, in f',
    ]
    assert faults[0].detail.endswith("ZeroDivisionError: division by zero")


def test_an_app_that_hangs_is_ended(tmp_path):
    """The place is where it hangs."""
    pyproject = "[tool.durable-dsl]\nimport-timeout = 1\n"
    app = f"import time\n{PLACE}{MOVE}def wait():\n    time.sleep(60)\nwait()\n"
    faults = faults_of(tmp_path, {"app.py": app, "pyproject.toml": pyproject})

    assert places(faults) == [("DSL212", "app.py:5")]
    assert "after 1 s" in faults[0].message


def test_a_process_that_the_app_starts_does_not_keep_the_build_waiting(tmp_path):
    """It is ended with the app's."""
    pyproject = "[tool.durable-dsl]\nimport-timeout = 1\n"
    app = f"import subprocess\n{PLACE}{MOVE}subprocess.run(['sleep', '60'])\n"
    begin = time.perf_counter()
    faults = faults_of(tmp_path, {"app.py": app, "pyproject.toml": pyproject})

    assert places(faults) == [("DSL212", "app.py:4")]
    assert time.perf_counter() - begin < 30


def test_an_app_that_ends_its_process(tmp_path):
    """Without an exception there is no place to name."""
    faults = faults_of(tmp_path, {"app.py": "import os\nos.abort()\n"})

    assert places(faults) == [("DSL210", "")]
    assert "SIGABRT" in faults[0].message


def test_syntax_error_says_which_python(tmp_path):
    """It may be newer syntax than the Python that builds knows; all broken modules are named."""
    faults = faults_of(tmp_path, {"app.py": f"import a, b\n{PLACE}{MOVE}", "a.py": "x = = 1\n", "b.py": "\n\ny ! 1\n"})

    assert places(faults) == [("DSL211", "a.py:1"), ("DSL211", "b.py:3")]
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in faults[0].hint


def test_a_reserved_module_name(tmp_path):
    """A module of the app that would hide one of the guest's."""
    faults = faults_of(tmp_path, {"app.py": f"import durable_host\n{PLACE}{MOVE}", "durable_host.py": ""})

    assert ("DSL213", "durable_host.py:1") in places(faults)


def test_a_module_named_like_one_of_pythons(tmp_path):
    """The guest would import Python's own instead."""
    faults = faults_of(tmp_path, {"app.py": f"import calendar\n{PLACE}{MOVE}", "calendar.py": "value = 1\n"})

    assert places(faults) == [("DSL213", "calendar.py:1")]


def test_notes_come_once(tmp_path):
    """However many functions have a region."""
    app = "from durable_dsl import atomic\n@atomic\n" + PLACE + "@atomic\n" + MOVE
    faults = faults_of(tmp_path, {"app.py": app})

    assert [(fault.code, fault.severity) for fault in faults] == [("DSL120", "note")]


def test_an_interface_that_no_server_implements_is_noted(tmp_path):
    """With its line in the world; others of its package are not."""
    wit = WORLD.replace(
        "  export orders;",
        "  import wasi:keyvalue/eventual@0.1.0;\n  import wasi:keyvalue/cache@0.1.0;\n  export orders;",
    )
    faults = faults_of(tmp_path, {"app.py": PLACE + MOVE, "wit/world.wit": wit})

    assert [("DSL122", "wit/world.wit:11", "note")] == [(each.code, each.place, each.severity) for each in faults]


def test_a_clean_app_has_no_warnings(tmp_path):
    """Warnings must stay rare enough to be read."""
    assert faults_of(tmp_path, {"app.py": PLACE + MOVE}) == ()


@pytest.mark.parametrize(
    ("interface", "said"),
    [
        ("f: func(self: u8);", "SyntaxError: duplicate argument 'self'"),
        (
            "record optional { a: u8 } record r { o: option<optional> }",
            "TypeError: type 'Optional' is not subscriptable",
        ),
    ],
)
def test_a_name_that_the_bindings_cannot_have(interface, said, tmp_path):
    """The bindings fail, not the app: neither its place nor its Python is to blame."""
    world = f"package a:b; interface api {{ {interface} }} world w {{ export api; }}"
    faults = faults_of(tmp_path, {"app.py": "import wit_world.exports.api\n", "wit/world.wit": world})

    assert places(faults) == [("DSL109", "")]
    assert said in faults[0].message
    assert "rename it" in faults[0].hint


LATER = "from durable_dsl import create_promise\ndef later():\n    create_promise(str).wait(timeout={})\n"


@pytest.mark.parametrize(("target", "timeout", "codes"), [
    ("golem-1.1", "'1m'", ["DSL123"]), ("golem-1.1", "None", []), ("golem-1.2", "'1m'", []),
])  # fmt: skip
def test_a_function_that_older_servers_of_the_target_lack_is_noted(tmp_path, target, timeout, codes):
    """With the version that is imported for its sake, and the first server that has it; else nothing is said."""
    faults = faults_of(tmp_path, {"app.py": f"{LATER.format(timeout)}{PLACE}{MOVE}"}, target=target)

    assert codes == [fault.code for fault in faults]
    assert all("golem:api/host@1.1.5" in fault.message and "1.1.19" in fault.message for fault in faults)
