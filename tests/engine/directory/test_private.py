"""A data directory is its user's own, and stays where it is."""

from __future__ import annotations

import os
import stat

import pytest

from durable_dsl.engine.errors import LeaseError
from durable_dsl.engine.oplog.store import FILE
from tests.engine.programs import opened, worker


def modes(data):
    """The mode of everything in a data directory, by its name from there."""
    return {str(path.relative_to(data.parent)): stat.S_IMODE(path.lstat().st_mode) for path in [data, *data.rglob("*")]}


def others_may(data):
    return {name: oct(mode) for name, mode in modes(data).items() if mode & 0o077}


@pytest.fixture(autouse=True)
def generous():
    """A umask that takes nothing away."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.guarantee("DATA-4")
def test_a_new_data_directory_is_closed_to_others(tmp_path):
    """Database, its log, leases and components."""
    data = tmp_path / "new" / "data"
    with opened(data) as engine:
        worker(engine).invoke("run", "")
        found = modes(data)

    assert {f"data/{FILE}", f"data/{FILE}-wal", "data/leases/1"} < found.keys()
    assert {} == others_may(data)


@pytest.mark.guarantee("DATA-4")
def test_an_older_one_is_closed(tmp_path):
    """As the last version left it."""
    data = tmp_path / "data"
    with opened(data) as engine:
        worker(engine).invoke("run", "")
    for path in (data, data / "leases", data / "components"):
        path.chmod(0o755)
    (data / FILE).chmod(0o644)
    with opened(data) as engine:
        engine.workers()
        assert {} == others_may(data)


def test_a_directory_with_other_things_keeps_its_mode(tmp_path):
    """A project's, with `--data .`; what is ours in it is closed."""
    (tmp_path / "app.py").write_text("")
    (tmp_path / "app.py").chmod(0o644)
    tmp_path.chmod(0o755)
    with opened(tmp_path) as engine:
        worker(engine).invoke("run", "")

    assert {tmp_path.name, f"{tmp_path.name}/app.py"} == others_may(tmp_path).keys()


def test_a_relative_data_directory_stays_where_it_was(tmp_path, monkeypatch):
    """The program may go elsewhere: leases, database and components are found, and nothing is made there."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(tmp_path)
    with opened("data") as engine:
        monkeypatch.chdir(elsewhere)
        worker(engine).invoke("run", "state['n'] = 1")
        assert engine.leases.is_absolute()
    assert [] == list(elsewhere.iterdir())

    monkeypatch.chdir(tmp_path)
    with opened("data") as engine:
        assert "1" == worker(engine).invoke("run", "result = state['n']")


def test_two_programs_that_went_elsewhere_cannot_both_run_a_worker(tmp_path, monkeypatch):
    """They have the same lease, wherever each of them is."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with opened("data") as first, opened("data") as second:
        monkeypatch.chdir("elsewhere")
        worker(first).invoke("run", "")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(LeaseError):
            worker(second).start("run", "")
