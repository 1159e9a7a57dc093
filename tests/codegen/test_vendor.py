"""Dependencies for the guest, from a small index of wheels on disk: what is taken, kept, and refused by name."""

from __future__ import annotations

import io
import os
import random
import sys
import tarfile
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from threading import Thread

import pytest
from packaging.tags import sys_tags

from durable_codegen.app import pip
from durable_codegen.app.vendor import vendor
from durable_codegen.faults import BuildFailed

PLATFORM = next(sys_tags()).platform

#: Packages that have nothing to fall back on: their files.
NEED_NATIVE = {
    "from_the_start": {"__init__.py": "from .core import *\n", "core.py": "from . import _core\n", "_core.so": ""},
    "in_public": {"__init__.py": "", "etree.so": ""},
    "when_called": {
        "__init__.py": "try:\n    from . import _c\nexcept ImportError:\n    pass\ndef f():\n    from . import _c\n",
        "_c.so": "",
    },
    "part_of_it": {"__init__.py": "", "html.py": "from . import _parser\n", "_parser.so": ""},
}

#: Name, version, tag, what it requires, files beside its module.
WHEELS = [
    ("simple", "1.0", "py3-none-any", [], {}),
    ("simple", "2.0", "py3-none-any", [], {}),
    (
        "chain",
        "1.0",
        "py2.py3-none-any",
        [
            "simple<2",
            'only-guest; sys_platform == "wasi"',
            'only-old; python_version < "3.14"',
            'with-extra; extra == "more"',
            "wrapt>=1.0",
        ],
        {},
    ),
    ("only_guest", "1.0", "py3-none-any", [], {}),
    ("only_old", "1.0", "py3-none-any", [], {}),
    ("with_extra", "1.0", "py3-none-any", ["durable-dsl"], {}),
    ("native", "1.0", f"py3-none-{next(sys_tags()).platform}", [], {}),
    ("needs_native", "1.0", "py3-none-any", ["native"], {}),
    ("native_now", "0.1", "py3-none-any", [], {}),
    ("native_now", "1.0", f"py3-none-{next(sys_tags()).platform}", [], {}),
    ("gone_back", "1.0", "py3-none-any", [], {}),
    ("gone_back", "2.0", "py3-none-any", ["native-now==1.0"], {}),
    ("holder", "1.0", "py3-none-any", ["gone-back<2"], {}),
    ("via", "1.0", "py3-none-any", ["gone-back"], {}),
    (
        "quick",
        "2.0",
        f"cp314-cp314-{PLATFORM}",
        [],
        {
            "quick.py": "try:\n    from _quick import FAST\nexcept ImportError:\n    FAST = False\n",
            f"_quick.cpython-314-{PLATFORM}.so": "native",
        },
    ),
    ("quick", "1.0", "py3-none-any", [], {}),
    ("needs_quick", "1.0", "py3-none-any", ["quick"], {}),
    (
        "layered",
        "1.0",
        f"cp314-cp314-{PLATFORM}",
        [],
        {
            "layered/__init__.py": "try:\n    from .fast import *\nexcept ImportError:\n    pass\n",
            "layered/fast.py": "from layered._fast import *\n",
            "layered/_fast.cpython-314.so": "",
            "_layered/__init__.py": "import layered\nif layered.fast:\n    from layered._fast import *\n",
            "layered/compiled.py": "",
            "layered/compiled.cpython-314.so": "",
            "layered/_untold.so": "",
            "layered/tests/test_fast.py": "def test():\n    import layered._fast\n",
        },
    ),
    (
        "flagged",
        "1.0",
        f"cp314-cp314-{PLATFORM}",
        [],
        {
            "flagged/_compat.py": "FAST = 1\ntry:\n    from . import _fast\nexcept ImportError:\n    FAST = 0\n",
            "flagged/__init__.py": "from ._compat import FAST\nif FAST:\n    from ._fast import f\nelse:\n    f = 1\n",
            "flagged/_fast.abi3.so": "",
        },
    ),
    *(
        (name, "1.0", f"cp314-cp314-{PLATFORM}", [], {f"{name}/{file}": text for file, text in files.items()})
        for name, files in NEED_NATIVE.items()
    ),
    (
        "heavy",
        "1.0",
        f"cp314-cp314-{PLATFORM}",
        [],
        {"heavy.py": "", "_heavy.so": random.Random(7).randbytes(2_000_000)},
    ),
    ("liar", "1.0", "py3-none-any", [], {"liar_speedups.so": ""}),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A folder of wheels, and a package that is source only."""
    folder = tmp_path_factory.mktemp("index")
    for name, number, tag, requires, extra in WHEELS:
        info = f"{name}-{number}.dist-info"
        files = {
            **({} if f"{name}/__init__.py" in extra else {f"{name}.py": f"VERSION = {number!r}\n"}),
            **extra,
            f"{info}/METADATA": "\n".join(
                [
                    "Metadata-Version: 2.1",
                    f"Name: {name.replace('_', '-')}",
                    f"Version: {number}",
                    "Provides-Extra: more",
                    *(f"Requires-Dist: {line}" for line in requires),
                    "",
                ]
            ),
            f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        }
        files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
        with zipfile.ZipFile(folder / f"{name}-{number}-{tag}.whl", "w") as wheel:
            for file, text in files.items():
                wheel.writestr(file, text)
    with tarfile.open(folder / "sourceonly-1.0.tar.gz", "w:gz") as source:
        text = b"from setuptools import setup\nsetup(name='sourceonly', version='1.0')\n"
        member = tarfile.TarInfo("sourceonly-1.0/setup.py")
        member.size = len(text)
        source.addfile(member, io.BytesIO(text))
    return folder


@pytest.fixture
def offline(index, monkeypatch):
    """pip sees that folder and nothing else."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))


def refused(tmp_path, *requirements):
    with pytest.raises(BuildFailed) as raised:
        vendor(requirements, tmp_path / "into", tmp_path / "cache")
    assert not (tmp_path / "into").exists()
    (fault,) = raised.value.faults
    return fault


def modules(folder):
    return sorted(path.name for path in folder.glob("*.py"))


def test_what_the_guest_needs_is_installed_by_its_markers(tmp_path, offline):
    """Markers of the list and of packages hold for the guest; wrapt and durable-dsl are supplied, not fetched."""
    seen = []
    requirements = ['chain[more]; sys_platform == "wasi"', 'simple==2.0; sys_platform == "linux"', "simple"]
    done = vendor(requirements, tmp_path / "into", tmp_path / "cache", progress=seen.append)

    assert {"chain.py", "only_guest.py", "simple.py", "with_extra.py"} <= set(modules(done.path))
    assert [("chain", "1.0"), ("only-guest", "1.0"), ("simple", "1.0"), ("with-extra", "1.0")] == [
        package for package in done.packages if package[0] != "only-old"
    ]
    assert not list(done.path.rglob("wrapt*"))
    assert not list(done.path.rglob("durable*"))
    assert not list(done.path.rglob("*.pyc"))
    assert any(line.startswith("Installing collected packages") for line in seen)


def test_a_second_build_needs_no_pip(tmp_path, offline, monkeypatch):
    """The same list in any order is taken from the cache, for another project too."""
    first = vendor(["simple", "only-guest"], tmp_path / "one", tmp_path / "cache")
    monkeypatch.setattr(pip, "Pip", None)
    second = vendor(["only-guest", "simple", "simple"], tmp_path / "two", tmp_path / "cache")

    assert [False, True] == [first.cached, second.cached]
    assert first.packages == second.packages == (("only-guest", "1.0"), ("simple", "2.0"))
    assert modules(tmp_path / "one") == modules(tmp_path / "two") == ["only_guest.py", "simple.py"]


def test_another_list_replaces_what_was_there(tmp_path, offline):
    """Nothing of the earlier list stays; an empty list leaves an empty folder and asks nobody."""
    for requirements, expected in ((["simple"], ["simple.py"]), (["only-old"], ["only_old.py"]), ([], [])):
        vendor(requirements, tmp_path / "into", tmp_path / "cache")

        assert expected == modules(tmp_path / "into")


def test_constraints_hold(tmp_path, offline):
    """As in pip."""
    done = vendor(["simple"], tmp_path / "into", tmp_path / "cache", constraints=["simple<2"])

    assert (("simple", "1.0"),) == done.packages


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ("native", "native has no pure-Python wheel, only native ones such as native-1.0-"),
        ("needs-native", "native, which needs-native needs, has no pure-Python wheel"),
        ("sourceonly", "sourceonly is published as source only"),
        ("liar", "liar 1.0 holds native code: liar_speedups.so"),
    ],
)
def test_what_cannot_run_in_the_guest_is_refused_by_name(tmp_path, offline, requirement, said):
    """Native code only, source only, native code in disguise."""
    fault = refused(tmp_path, requirement)

    assert "DSL302" == fault.code
    assert said in fault.message
    assert fault.hint


@pytest.mark.parametrize(
    ("requirement", "code", "said"),
    [
        ("nosuch", "DSL303", "the index has no package nosuch"),
        ("simple>=3", "DSL303", "no version of simple fits simple>=3"),
        ("wrapt<1.0", "DSL303", "pip could not install the dependencies"),
        ("two words", "DSL304", "not a requirement: 'two words'"),
    ],
)
def test_what_cannot_be_installed_says_why(tmp_path, offline, requirement, code, said):
    """A wrong name, a wrong version, a version that is not the guest's, a wrong line."""
    fault = refused(tmp_path, requirement)

    assert code == fault.code
    assert said in fault.message


def test_a_version_that_nobody_asked_for_is_refused_by_what_is_in_the_way(tmp_path, offline):
    """pip would go back, without a word, to the last version that requires nothing native."""
    fault = refused(tmp_path, "gone-back", "simple")

    assert "DSL302" == fault.code
    assert fault.message.startswith(
        "gone-back 2.0 cannot be had in the guest: native-now, which gone-back needs, has no pure-Python wheel"
    )
    assert "write gone-back<=1.0 among the dependencies" in fault.hint


def test_the_same_goes_for_what_is_required_by_others(tmp_path, offline):
    """An older version of a package that nobody named is nobody's wish either."""
    fault = refused(tmp_path, "via")

    assert fault.message.startswith("gone-back 2.0 cannot be had in the guest: native-now, which gone-back needs,")
    assert (("gone-back", "1.0"), ("via", "1.0")) == vendor(
        ["via", "gone-back<=1.0"], tmp_path / "into", tmp_path / "cache"
    ).packages


@pytest.mark.parametrize("requirements", [["quick"], ["needs-quick"]])
def test_native_code_that_a_package_can_do_without_is_left_out(requirements, tmp_path, offline):
    """The version is the one of elsewhere, not the last that was pure; the build says so, from its cache too."""
    done = vendor(requirements, tmp_path / "into", tmp_path / "cache")
    again = vendor(requirements, tmp_path / "again", tmp_path / "cache")

    assert ("quick", "2.0") in done.packages
    assert "except ImportError" in (done.path / "quick.py").read_text()
    assert not list(done.path.rglob("*.so"))
    assert done.notes == again.notes
    (note,) = done.notes
    assert ("DSL306", "note") == (note.code, note.severity)
    assert note.message.startswith("quick 2.0 has native wheels only: it is taken without native code")


@pytest.mark.parametrize("name", ["layered", "flagged"])
def test_what_falls_back_on_python_is_told_from_the_source(name, tmp_path, offline):
    """Through a module of its own, by a flag; Python beside what was compiled of it stays."""
    done = vendor([name], tmp_path / "into", tmp_path / "cache")

    assert ((name, "1.0"),) == done.packages
    assert not list(done.path.rglob("*.so"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("from_the_start", "from_the_start/__init__.py:1 cannot do without its native code"),
        ("in_public", "nothing in the package takes the place of in_public/etree.so"),
        ("when_called", "when_called/__init__.py:6 cannot do without its native code"),
        ("part_of_it", "part_of_it/html.py:1 cannot do without its native code"),
    ],
)
def test_what_needs_its_native_code_is_refused_with_the_place(name, why, tmp_path, offline):
    """From the first import on, for a module that is the API, inside a function, for a part of it."""
    fault = refused(tmp_path, name)

    assert "DSL302" == fault.code
    assert f"It does not work without: {why}." == fault.detail


def test_a_wheel_that_is_too_large_is_not_fetched_to_the_end(tmp_path, offline, index, monkeypatch):
    """It would be refused in any case, a gigabyte later."""
    monkeypatch.setattr(pip, "_LARGEST", 1.0)
    handler = partial(SimpleHTTPRequestHandler, directory=index)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("PIP_FIND_LINKS", f"http://127.0.0.1:{server.server_port}/")
        try:
            fault = refused(tmp_path, "heavy")
        finally:
            server.shutdown()
            thread.join()

    assert ("DSL302", "") == (fault.code, fault.detail)


@pytest.mark.parametrize("requirements", [["gone-back<=1.0"], ["gone-back", "holder"]])
def test_an_older_version_that_is_asked_for_is_taken(requirements, tmp_path, offline):
    """By the user, or by another package: elsewhere it would be the same."""
    done = vendor(requirements, tmp_path / "into", tmp_path / "cache")

    assert ("gone-back", "1.0") in done.packages


def test_an_index_that_does_not_answer_is_told_from_a_missing_package(tmp_path, offline, monkeypatch):
    """Nothing listens there."""
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    fault = refused(tmp_path, "nosuch")

    assert ("DSL303", "the package index does not answer, so nosuch cannot be fetched") == (fault.code, fault.message)


def test_without_pip_the_fault_says_how_to_get_it(tmp_path, offline, monkeypatch):
    """Environments made by uv have none."""
    monkeypatch.setattr(pip, "find_spec", lambda _name: None)
    fault = refused(tmp_path, "simple")

    assert "DSL303" == fault.code
    assert f"{sys.executable} -m ensurepip" in fault.hint


def test_the_supplied_versions_are_those_of_the_build(tmp_path, offline):
    """A requirement on wrapt is judged by the wrapt that the guest gets."""
    done = vendor([f"wrapt=={version('wrapt')}"], tmp_path / "into", tmp_path / "cache")

    assert () == done.packages
