"""Find out what the guest's Python has, and write it to durable_codegen/guest_stdlib.json.

Run it after a change of the pinned componentize-py: `python tests/codegen/probe_guest_python.py`. It builds one
component whose import tries every module of the standard library, and reads there, from the library's own source,
which modules import which others late. A guest has no files once it is built, so a late import finds only what was
imported before.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

TARGET = Path(__file__).parents[2] / "codegen" / "durable_codegen" / "guest_stdlib.json"

WIT = "package probe:probe; world probe { export go: func(); }"

GUEST = r"""
# What durable_dsl and wrapt import is loaded in every guest.
import contextlib, dataclasses, enum, functools, inspect, linecache, re, sys, traceback, typing, warnings, weakref

started = sorted(sys.modules)

import ast, importlib, json, os, pkgutil

# Developer tools and jokes: importing them opens windows, browsers or nothing worth having in a component.
SKIPPED = {"__main__", "antigravity", "ensurepip", "idlelib", "test", "this", "turtledemo"}
present, missing = [], {}


def attempt(name):
    if name.split(".")[0] in SKIPPED or ".test" in name or name.endswith("__main__"):
        return
    try:
        module = importlib.import_module(name)
    except BaseException as reason:
        missing[name] = getattr(reason, "name", None) or str(reason)
        return
    present.append(name)
    for found in pkgutil.iter_modules(getattr(module, "__path__", []), name + "."):
        attempt(found.name)


for name in sorted(sys.stdlib_module_names):
    attempt(name)

# Some modules exist only under the name that another one gives them, such as os.path and collections.abc.
tops = set(sys.stdlib_module_names)
present += sorted(name for name in sys.modules if name.partition(".")[0] in tops and name not in present)


def late_imports(tree, package):
    found = set()
    for function in ast.walk(tree):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if "main" in function.name or "test" in function.name:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                parts = package.split(".")[: 1 - node.level or None] if node.level else []
                base = ".".join([*parts, *([node.module] if node.module else [])])
                found.add(base)
                found.update(f"{base}.{alias.name}" for alias in node.names)
    return found


late = {}
known = set(present)
for name in sorted(present):
    path = "/python/" + name.replace(".", "/")
    package = os.path.isdir(path)
    path = path + "/__init__.py" if package else path + ".py"
    if os.path.exists(path):
        with open(path, "rb") as source:
            tree = ast.parse(source.read())
        found = (late_imports(tree, name if package else name.rpartition(".")[0]) & known) - {name}
        if found:
            late[name] = sorted(found)

with open("/0/found.json", "w") as file:
    found = {"python": sys.version.split()[0], "started": [name for name in started if name in known]}
    json.dump({**found, "present": present, "missing": missing, "late": late}, file)


class WitWorld:
    def go(self):
        pass
"""


def probe() -> dict[str, object]:
    """Build the probing component and return what it found."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("app", "wit", "no-environment"):
            (root / name).mkdir()
        (root / "wit" / "probe.wit").write_text(WIT, encoding="utf-8")
        (root / "app" / "probing.py").write_text(GUEST, encoding="utf-8")
        tool = Path(sys.executable).with_name("componentize-py")
        words = [str(tool), "-d", "wit", "-w", "probe", "componentize", "probing", "-p", "app", "-o", "probe.wasm"]
        environment = {**os.environ, "VIRTUAL_ENV": str(root / "no-environment")}
        subprocess.run(words, cwd=root, env=environment, check=True, capture_output=True)
        found: dict[str, object] = json.loads((root / "app" / "found.json").read_text(encoding="utf-8"))
    return {"componentize-py": version("componentize-py"), **found}


if __name__ == "__main__":
    TARGET.write_text(json.dumps(probe(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
