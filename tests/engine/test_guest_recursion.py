"""Recursion in a guest ends as in CPython: RecursionError where Python says so, before the stack is full."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.guests import guest

CASES = {
    "arrays in JSON": ("import json; result = len(json.dumps(json.loads('[' * 2000 + ']' * 2000)))", "4000"),
    "plain functions": ("def f(n): return 0 if n == 0 else 1 + f(n - 1)\nresult = f(900)", "900"),
    "plain functions without end": ("def f(n): return f(n + 1)\nf(0)", "RecursionError"),
    "through attributes": (
        "class A:\n def __getattr__(self, name): return getattr(self, name)\nA().b",
        "RecursionError",
    ),
    "through a builtin": ("def f(n): return sorted([1, 2], key=lambda v: f(n + 1))\nf(0)", "RecursionError"),
    "through exec": ("def f(n): exec('f(n + 1)', {'f': f, 'n': n})\nf(0)", "RecursionError"),
    "a deep expression": ("compile('(' * 3000 + '1' + ')' * 3000, 'x', 'eval')", "MemoryError"),
}


def run(folder, source, compiler):
    command = [sys.executable, "-m", "durable_dsl", "run", str(guest("script")), "run", source, "--data", str(folder)]
    environment = {**os.environ, "DURABLE_DSL_COMPILE": compiler}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.parametrize("case", CASES)
def test_recursion_ends_in_an_exception(tmp_path, case):
    """Which the guest can catch; with the compiler that is the default."""
    source, result = CASES[case]
    caught = f"try:\n {source.replace(chr(10), chr(10) + ' ')}\nexcept (RecursionError, MemoryError) as error:"
    done = run(tmp_path, f"{caught}\n result = type(error).__name__", "")

    assert f'"{result}"\n' == done.stdout, done.stderr


def test_the_quick_compiler_has_room_for_what_programs_do(tmp_path):
    """Its code takes several times the room; a library's calls within calls still fit."""
    source = "def f(n): return 0 if n == 0 else 1 + max(map(f, [n - 1]))\nresult = f(100)"
    done = run(tmp_path, source, "quick")

    assert '"100"\n' == done.stdout, done.stderr
