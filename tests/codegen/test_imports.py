"""Imports of the app against what the guest has: faults with the way to them, and what is imported early instead."""

from __future__ import annotations

import pytest

from durable_codegen.app.guest import guest_python
from durable_codegen.app.imports import check_imports
from durable_codegen.app.modules import Root, reachable
from tests.codegen.projects import places, write


def check(folder, files, vendored=None):
    write(folder / "app", files)
    write(folder / "vendored", {"none.py": "", **(vendored or {})})
    roots = [Root(folder / "app", "app"), Root(folder / "vendored", "vendored")]
    modules, _ = reachable(["app"], roots)
    return check_imports("app", modules, roots, provided=frozenset({"wit_world"}))


@pytest.mark.parametrize(
    "text",
    [
        "import json, os.path, collections.abc, asyncio, sqlite3",
        "import durable_dsl, wrapt, wit_world.exports, componentize_py_types",
        "try:\n    import lzma\nexcept ImportError:\n    lzma = None",
        "try:\n    import lzma\nexcept (ModuleNotFoundError, ValueError):\n    import ctypes",
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import lzma",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lzma",
        "import typing\nif typing.TYPE_CHECKING:\n    import lzma",
        "import sys\nif sys.platform == 'win32':\n    import winreg",
        "import sys\nif sys.platform.startswith('linux') or sys.version_info < (3, 12):\n    import resource",
        "import os\nif os.name == 'nt':\n    import msvcrt",
        "if __name__ == '__main__':\n    import readline",
        "import unittest.mock",
    ],
)
def test_what_the_guest_has_or_does_without(text, tmp_path):
    """Present, or guarded, or in a branch that the guest never takes."""
    assert check(tmp_path, {"app.py": text}).faults == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import lzma", 1),
        ("from ctypes import util", 1),
        ("def f():\n    import bz2", 2),
        ("class A:\n    import lzma", 2),
        ("import sys\nif sys.platform != 'win32':\n    import fcntl", 3),
        ("import importlib\nimportlib.import_module('curses')", 2),
        ("x = __import__('tkinter')", 1),
        ("try:\n    import lzma\nexcept ValueError:\n    pass", 2),
        ("import multiprocessing.shared_memory", 1),
        ("import nowhere.at.all", 1),
    ],
)
def test_what_the_guest_lacks(text, line, tmp_path):
    """With the line of the import, late ones too."""
    assert places(check(tmp_path, {"app.py": text}).faults) == [("DSL301", f"app.py:{line}")]


def test_the_way_to_a_missing_module_is_told(tmp_path):
    """The place is the last of the user's own; the chain begins at the app."""
    files = {
        "app.py": "\n\nimport client",
        "client.py": "import json\nfrom parts import tls",
        "parts/tls.py": "import lzma",
    }
    (fault,) = check(tmp_path, files).faults

    assert fault.place == "parts/tls.py:1"
    assert fault.detail == "app.py:3 imports client.py:2 imports parts/tls.py:1 imports lzma"


def test_a_vendored_package_that_cannot_load(tmp_path):
    """The place is where the user's code imports the package."""
    package = {"lib/__init__.py": "from lib import b", "lib/b.py": "import lzma"}
    (fault,) = check(tmp_path, {"app.py": "import lib"}, package).faults

    assert fault.place == "app.py:1"
    assert fault.detail == "app.py:1 imports lib/__init__.py:1 imports lib/b.py:1 imports lzma"
    assert "another package" in fault.hint


def test_a_vendored_package_may_do_without(tmp_path):
    """Late, guarded and conditional imports of packages are not certain to be carried out."""
    text = (
        "try:\n    import lzma\nexcept ImportError: ...\nif DEBUG:\n    import pdb, ctypes\ndef f():\n    import bz2\n"
    )

    assert check(tmp_path, {"app.py": "import lib"}, {"lib.py": text}).faults == ()


def test_late_imports_are_imported_early(tmp_path):
    """Those of the app, of packages and of the standard library, if they exist and load."""
    files = {
        "app.py": "import json, lib\ndef f():\n    import json, colorsys, part, nope\n    from lib import extra\n",
        "part.py": "",
    }
    package = {
        "lib/__init__.py": "def g():\n    import lib.broken",
        "lib/extra.py": "",
        "lib/broken.py": "import lzma",
    }
    found = check(tmp_path, files, package)

    assert found.late == ("colorsys", "lib.extra", "part")
    assert [fault.message.split()[0] for fault in found.faults] == ["nope"]


def test_what_the_library_imports_late_is_imported_early(tmp_path):
    """A built guest could not parse a date otherwise, nor use an encoding."""
    files = {"app.py": "from datetime import datetime\nx = 'é'.encode('cp1252')\ny = 'latin-1'\n"}

    assert check(tmp_path, files).late == ("_strptime", "encodings.cp1252", "encodings.latin_1")


def test_facts_about_the_guest():
    """The list was made with the componentize-py that is installed."""
    import json
    from importlib.metadata import version

    from durable_codegen.app import guest

    facts = json.loads(guest._FACTS.read_text())
    python = guest_python()

    assert facts["componentize-py"] == version("componentize-py")
    assert python.version.startswith("3.14")
    assert {"json", "asyncio", "os.path"} <= python.present
    assert {"ssl", "ctypes", "lzma", "bz2"} <= set(python.missing)


@pytest.mark.exhaustive
def test_facts_are_what_the_guest_says():
    """The probe, run again, finds what is written."""
    import json

    from durable_codegen.app import guest
    from tests.codegen.probe_guest_python import probe

    assert json.loads(guest._FACTS.read_text()) == probe()
