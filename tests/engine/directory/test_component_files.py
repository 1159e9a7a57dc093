"""What is run is what was hashed: files that are replaced meanwhile, lose a bit, or belong to somebody else."""

from __future__ import annotations

import contextlib
import os
import stat
import time

import pytest

from durable_dsl.engine.api import Engine
from durable_dsl.engine.bridge.component import load
from durable_dsl.engine.directory import cache
from durable_dsl.engine.directory.component_file import ChangedFile, ComponentFile
from durable_dsl.engine.errors import StoreError

#: A component whose export `value` returns 41 or 42: files of one size that differ in a byte.
_TEXT = """
    (component
      (core module $m (func (export "value") (result i32) (i32.const {})))
      (core instance $i (instantiate $m))
      (func (export "value") (result u32) (canon lift (core func $i "value"))))
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "durable-dsl"


@pytest.fixture
def component(tmp_path):
    return written(tmp_path / "value.wasm", 41)


def written(path, value):
    path.write_text(_TEXT.format(value))
    return path


def aged(path):
    """The file, when its last change is so long ago that it is remembered."""
    while time.time_ns() - path.stat().st_ctime_ns < 60_000_000:
        time.sleep(0.01)
    return path


def value_of(data, path, **options):
    with Engine.open(data, **options) as engine:
        return engine.worker(None, engine.load(path)).invoke("value")


def flip(path):
    """Change one byte of a file, 41 to 42."""
    content = path.read_bytes()
    assert b"41" in content
    path.write_bytes(content.replace(b"41", b"42"))


@pytest.mark.guarantee("DATA-3")
def test_a_file_that_is_replaced_while_it_is_compiled(tmp_path, component):
    """What was hashed is what is compiled, stored and kept in the cache."""

    @contextlib.contextmanager
    def replacing(_path):
        written(component, 42)
        yield

    assert 41 == value_of(tmp_path / "one", component, while_compiling=replacing)
    assert 42 == value_of(tmp_path / "two", component)
    written(component, 41)
    assert 41 == value_of(tmp_path / "three", component)
    with Engine.open(tmp_path / "one") as engine:
        assert 41 == engine.workers()[0].invoke("value")
    (stored,) = (tmp_path / "one" / "components").iterdir()
    assert _TEXT.format(41) == stored.read_text()


@pytest.mark.guarantee("DATA-3")
def test_a_file_that_is_replaced_between_hashing_and_compiling(tmp_path, component, monkeypatch):
    """It is read anew; nothing goes by what was remembered of the other one."""
    ComponentFile.read(aged(component))
    remembered = cache.remembered

    def late(path):
        found = remembered(path)
        written(component, 42)
        return found

    monkeypatch.setattr(cache, "remembered", late)

    assert 42 == value_of(tmp_path / "data", component)


@pytest.mark.guarantee("DATA-3")
def test_a_stored_component_with_a_flipped_byte(tmp_path, component, own_cache):
    """It is not run, though the cache is empty; the same build repairs it."""
    data = tmp_path / "data"
    with Engine.open(data) as engine:
        engine.worker("w", engine.load(component)).invoke("value")
    (stored,) = (data / "components").iterdir()
    flip(stored)
    for file in own_cache.rglob("*.cwasm"):
        file.unlink()
    with Engine.open(data) as engine, pytest.raises(StoreError, match="build 0 of component 'value' is damaged; run"):
        engine.worker("w").invoke("value")
    with Engine.open(data) as engine:
        assert 41 == engine.worker("w", engine.load(component)).invoke("value")
    with Engine.open(data) as engine:
        assert 41 == engine.worker("w").invoke("value")
    assert component.read_bytes() == stored.read_bytes()


def test_a_disk_that_loses_a_bit_without_a_word(tmp_path, component):
    """Times and size are as they were: the bytes are looked at before they are compiled."""
    known = ComponentFile.read(aged(component))
    flip(component)
    again = ComponentFile(component, known.hash, known.size, known.facts)

    with pytest.raises(ChangedFile):
        load(again, None)


def test_a_file_is_remembered_until_it_is_touched(component):
    """By its times; what was written just now is read again, for it may be written once more in the same moment."""
    ComponentFile.read(component)
    fresh = cache.remembered(component)
    known = ComponentFile.read(aged(component))

    assert fresh is None
    assert (known.hash, known.size, None) == cache.remembered(component)
    flip(component)
    assert cache.remembered(component) is None


@pytest.mark.parametrize("change", [lambda text: text.replace('"size": ', '"size": 1'), lambda _: "1 {}", lambda _: ""])
def test_what_is_remembered_is_checked_too(component, own_cache, change):
    """A damaged memo is no memo."""
    ComponentFile.read(aged(component))
    (memo,) = (own_cache / "hashes").iterdir()
    memo.write_text(change(memo.read_text()))

    assert cache.remembered(component) is None


@pytest.mark.guarantee("DATA-3")
@pytest.mark.parametrize("whose", ["group", "others", "stranger"])
def test_machine_code_that_others_could_have_written_is_not_run(tmp_path, component, monkeypatch, whose):
    """It is compiled instead, and the file is left alone."""
    directory, seen = tmp_path / "code", []

    @contextlib.contextmanager
    def compiling(path):
        seen.append(path)
        yield

    load(component, directory, while_compiling=compiling)
    (file,) = directory.glob("*.cwasm")
    if whose == "stranger":
        monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    else:
        file.chmod(0o620 if whose == "group" else 0o602)
    load(component, directory, while_compiling=compiling)

    assert 2 == len(seen)


def test_a_cache_that_others_may_write_to_is_closed(tmp_path, component):
    """It was made before anybody cared, or by another tool."""
    directory = tmp_path / "code"
    directory.mkdir()
    directory.chmod(0o777)
    load(component, directory)

    assert 0o755 == stat.S_IMODE(directory.stat().st_mode)
