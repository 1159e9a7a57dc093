"""Which target a build has: the world says, else the user, else the default."""

from __future__ import annotations

import pytest

from durable_codegen.faults import BuildFailed
from durable_codegen.world.model import read_world
from durable_codegen.world.targets import choose_target, target_for_version, target_named
from tests.codegen.samples import codes, write_wit


def world_with(folder, *lines):
    text = "\n".join(["package a:b;", "world w {", *(f"  {line};" for line in lines), "  export run: func();", "}", ""])
    return read_world(write_wit(folder, text), None)


@pytest.mark.parametrize(
    ("lines", "requested", "expected"),
    [
        ((), None, "golem-1.0"),
        ((), "golem-1.1", "golem-1.1"),
        ((), "golem-1.2", "golem-1.2"),
        (("import golem:api/host@0.2.0",), None, "golem-1.0"),
        (("import golem:api/host@0.2.2",), "golem-1.0", "golem-1.0"),
        (("import golem:api/host@1.1.0",), None, "golem-1.1"),
        (("import golem:api/oplog@1.1.0",), None, "golem-1.1"),
        (("import golem:api/oplog@1.1.0",), "golem-1.2", "golem-1.2"),
        (("export golem:api/save-snapshot@1.1.0",), None, "golem-1.1"),
        (("export golem:api/save-snapshot@1.1.0",), "golem-1.0", "golem-1.0"),
    ],
)
def test_target_is_chosen_by_the_world_then_by_the_user(tmp_path, lines, requested, expected):
    """Imports of golem:api decide; exports of it only where nothing was asked for."""
    assert expected == choose_target(world_with(tmp_path / "wit", *lines), requested).name


def test_a_target_that_contradicts_the_world_is_a_fault(tmp_path, monkeypatch):
    """The fault has the line of the import and both ways out."""
    monkeypatch.chdir(tmp_path)
    world = world_with(tmp_path / "wit", "import golem:api/host@1.1.0")
    with pytest.raises(BuildFailed) as raised:
        choose_target(world, "golem-1.0")

    assert [("DSL107", "wit/world.wit", 3)] == codes(raised.value)
    assert "is the target golem-1.1, not golem-1.0" in raised.value.faults[0].message


def test_an_unknown_target_lists_the_known_ones():
    """With the servers that they run on."""
    with pytest.raises(BuildFailed) as raised:
        target_named("golem-9")

    assert ["DSL106"] == [fault.code for fault in raised.value.faults]
    assert "golem-1.0 (Golem 1.1.8 to 1.1.26), golem-1.1" in raised.value.faults[0].hint


def test_targets_stand_for_series_of_versions():
    """Any patch version; no pre-release, nothing else."""
    found = [target_for_version(version) for version in ("0.2.0", "0.2.2", "1.1.6", "1.1.0-rc1", "1.5.0", "")]

    assert ["golem-1.0", "golem-1.0", "golem-1.1", None, None, None] == [each and each.name for each in found]


def test_targets_know_what_their_host_has():
    """Jitter came with 1.1; trap with neither."""
    old, new = target_named("golem-1.0"), target_named("golem-1.1")

    assert ("golem:api/host@0.2.0", False, False) == (old.host, old.has_jitter, old.has_trap)
    assert ("golem:api/host@1.1.0", True, False) == (new.host, new.has_jitter, new.has_trap)
