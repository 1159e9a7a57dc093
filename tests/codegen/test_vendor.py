"""Dependencies for the guest, from a small index of wheels on disk: what is taken, kept, and refused by name."""

from __future__ import annotations

import io
import os
import sys
import tarfile
import zipfile
from importlib.metadata import version

import pytest
from packaging.tags import sys_tags

from durable_codegen import pip
from durable_codegen.faults import BuildFailed
from durable_codegen.vendor import vendor

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
    ("liar", "1.0", "py3-none-any", [], {"liar_speedups.so": ""}),
]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A folder of wheels, and a package that is source only."""
    folder = tmp_path_factory.mktemp("index")
    for name, number, tag, requires, extra in WHEELS:
        info = f"{name}-{number}.dist-info"
        files = {
            f"{name}.py": f"VERSION = {number!r}\n",
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
