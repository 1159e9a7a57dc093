"""What importing the app in a child process tells, and what it keeps away."""

from __future__ import annotations

import pytest

from durable_codegen.app.support import support_tree
from durable_codegen.discovery.scan import scan
from durable_codegen.faults import BuildFailed
from tests.codegen.projects import write


@pytest.fixture(scope="session")
def support(tmp_path_factory):
    """What every guest gets."""
    folder = tmp_path_factory.mktemp("support")
    support_tree(folder)
    return folder


@pytest.fixture
def scanned(tmp_path, support):
    """Scans an app given by its files."""

    def run(files, **options):
        app = tmp_path / "app"
        write(app, files)
        return scan("app", [app, support], app, shown=lambda file: file.removeprefix(f"{app}/"), **options)

    return run


def test_functions_classes_and_values(scanned):
    """What the names of a module are bound to."""
    module = scanned({"app.py": "def f(a, b=1, *c, d): pass\nclass A:\n    def m(self, x): pass\nVALUE = 3\n"}).modules[
        "app"
    ]

    assert [(each.name, each.kind, each.has_default) for each in module.functions["f"].parameters] == [
        ("a", "POSITIONAL_OR_KEYWORD", False),
        ("b", "POSITIONAL_OR_KEYWORD", True),
        ("c", "VAR_POSITIONAL", False),
        ("d", "KEYWORD_ONLY", False),
    ]
    assert [each.name for each in module.classes["A"].methods["m"].parameters] == ["x"]
    assert module.values == {"VALUE": "int"}


def test_kinds_of_functions(scanned):
    """Async, generators, methods of all kinds, and what decorators hide."""
    text = """
import functools
async def a(): pass
def g(): yield
@functools.wraps(a)
def hidden(): return a()
part = functools.partial(a)
class A:
    def m(self): pass
    @staticmethod
    def s(): pass
    @classmethod
    def c(cls): pass
class B(A):
    def m(self): pass
"""
    module = scanned({"app.py": text}).modules["app"]
    functions, methods = module.functions, module.classes["A"].methods

    assert (functions["a"].is_async, functions["hidden"].is_async, functions["hidden"].may_be_async) == (
        True,
        False,
        True,
    )
    assert functions["part"].is_async
    assert functions["g"].is_generator
    assert [methods[name].kind for name in "msc"] == ["instance", "static", "class"]
    assert [methods[name].is_overridden for name in "ms"] == [True, False]


def test_marks_down_to_the_first_other_decorator(scanned):
    """Outermost first, with word, arguments, file and line."""
    text = """
from durable_dsl import atomic, persist, retry
def other(function):
    return lambda *arguments: function(*arguments)
@retry(max_attempts=2, min_delay="1s")
@atomic(commit_on=(KeyError,))
@other
@persist
def f(): pass
"""
    marks = scanned({"app.py": text}).modules["app"].functions["f"].marks

    assert [(mark.word, mark.file, mark.line) for mark in marks] == [("retry", "app.py", 5), ("atomic", "app.py", 6)]
    assert marks[0].arguments == {"max_attempts": 2, "min_delay_ns": 1_000_000_000}
    assert marks[1].arguments == {"commit_on": [{"module": "builtins", "qualname": "KeyError", "reachable": True}]}


def test_the_app_may_print(scanned):
    """The report goes another way; what was printed is kept for --verbose."""
    found = scanned(
        {"app.py": "import os, sys\nprint('hello')\nos.write(1, b'low ')\nprint('there', file=sys.stderr)\n"}
    )

    assert "hello" in found.output
    assert "low " in found.output
    assert "there" in found.output


def test_nothing_of_this_machine_is_there(scanned):
    """No site-packages, no working directory, no PYTHONPATH: jinja2 is installed here, and not in the guest."""
    with pytest.raises(BuildFailed) as failed:
        scanned({"app.py": "import jinja2\n"})

    assert "No module named 'jinja2'" in failed.value.faults[0].message


def test_threads_do_not_keep_it_alive(scanned):
    """Nor do exit handlers."""
    text = """
import atexit, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
atexit.register(time.sleep, 60)
"""

    assert "app" in scanned({"app.py": text}).modules


def test_a_process_that_dies_is_a_fault(scanned):
    """Not a crash of the build."""
    with pytest.raises(BuildFailed) as failed:
        scanned({"app.py": "import os\nos._exit(7)\n"})

    assert "status 7" in failed.value.faults[0].message


def test_large_reports_come_through(scanned):
    """More than a pipe holds."""
    text = "".join(f"def function_{number}(a, b, c): pass\n" for number in range(3000))

    assert len(scanned({"app.py": text}).modules["app"].functions) == 3000


def test_late_modules_are_looked_at_for_their_marks(scanned):
    """A bad mark in one is found; one that does not import is not the scan's business."""
    files = {"app.py": "", "late.py": "from durable_dsl import retry\n@retry\ndef f(): pass\n", "bad.py": "1 / 0\n"}
    found = scanned(files, late=["bad", "late"])

    assert [(fault.code, fault.file, fault.line) for fault in found.faults] == [("DSL004", "late.py", 2)]
