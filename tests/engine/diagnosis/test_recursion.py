"""Recursion in a guest ends as in CPython: RecursionError where Python says so, before the stack is full."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from durable_dsl.engine import Engine
from tests.guests import guest

_CHAIN = """
class A:
    def __del__(self): self.other = None
x = None
for _ in range(100_000):
    a = A()
    a.other = x
    x = a
del a, x
result = 'freed'
"""
_NEST = "x = []\nfor _ in range(100_000): x = [x]\n"
CASES = {
    "arrays in JSON": ("import json; result = len(json.dumps(json.loads('[' * 2000 + ']' * 2000)))", "4000"),
    "arrays in JSON without end": ("import json; json.loads('[' * 100_000)", "RecursionError"),
    "plain functions": ("def f(n): return 0 if n == 0 else 1 + f(n - 1)\nresult = f(900)", "900"),
    "plain functions without end": ("def f(n): return f(n + 1)\nf(0)", "RecursionError"),
    "plain functions, by leave": (
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return 0 if n == 0 else 1 + f(n - 1)\nresult = f(100_000)",
        "100000",
    ),
    "through attributes": (
        "class A:\n def __getattr__(self, name): return getattr(self, name)\nA().b",
        "RecursionError",
    ),
    "through a builtin": ("def f(n): return sorted([1, 2], key=lambda v: f(n + 1))\nf(0)", "RecursionError"),
    "through a builtin, deep": (
        "def f(n): return 0 if n == 0 else 1 + max(map(f, [n - 1]))\nresult = f(300)",
        "300",
    ),
    "through a builtin, by leave": (
        "import sys\nsys.setrecursionlimit(10**6)\ndef f(n): return max(map(f, [n + 1]))\nf(0)",
        "RecursionError",
    ),
    "through exec": ("def f(n): exec('f(n + 1)', {'f': f, 'n': n})\nf(0)", "RecursionError"),
    "a deep expression": ("compile('(' * 3000 + '1' + ')' * 3000, 'x', 'eval')", "MemoryError"),
    "nested lists shown": (f"{_NEST}repr(x)", "RecursionError"),
    "nested lists compared": (f"{_NEST}y = x\n{_NEST}x == y", "RecursionError"),
    "nested lists freed": (f"{_NEST}del x\nresult = 'freed'", "freed"),
    "a chain of objects freed": (_CHAIN, "freed"),
}
SOURCE = f"""
import sys
cases, found, limit = {CASES!r}, {{}}, sys.getrecursionlimit()
for case, (source, _) in cases.items():
    names = {{}}
    try:
        exec(source, names)
    except (RecursionError, MemoryError) as error:
        names["result"] = type(error).__name__
    sys.setrecursionlimit(limit)
    found[case] = str(names["result"])
    names.clear()
import json
result = json.dumps(found)
"""
EXPECTED = {case: result for case, (_, result) in CASES.items()}


@pytest.mark.parametrize("compiler", ["", "quick"])
def test_recursion_ends_in_an_exception(tmp_path, compiler):
    """Which the guest can catch; quick code takes ten times the room, and reaches the same depth."""
    command = [sys.executable, "-m", "durable_dsl", "run", str(guest("script")), "run", SOURCE, "--data", str(tmp_path)]
    environment = {**os.environ, "DURABLE_DSL_COMPILE": compiler}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)

    assert 0 == done.returncode, done.stderr
    assert EXPECTED == json.loads(json.loads(done.stdout))


def test_callers_need_no_stack_of_their_own(tmp_path):
    """Nor does it matter how much of it they have used, or how many there are."""
    source = "import json\ntry: json.loads('[' * 100_000)\nexcept RecursionError: result = 'caught'"
    workers = 4
    with Engine.open(tmp_path) as engine:
        component = engine.load(guest("script"))

        def deeper(name, frames):
            return deeper(name, frames - 1) if frames else engine.worker(name, component).invoke("run", source)

        before = threading.stack_size(1 << 20)
        try:
            with ThreadPoolExecutor(workers) as callers:
                found = list(callers.map(deeper, "abcd", [300] * workers))
        finally:
            threading.stack_size(before)

    assert ["caught"] * workers == found
