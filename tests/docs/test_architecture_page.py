"""The page of the architecture draws and names what is there."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT
from tests.test_architecture import FLOORS, PACKAGES, imports_of, modules, wing_of

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DIAGRAMS = re.findall(r"```mermaid\n(.*?)```", PAGE, re.DOTALL)


def imported_wings(package):
    """Which wings each wing imports."""
    found = {wing: set() for wing in FLOORS[package].split()}
    for name, path in modules():
        wing = wing_of(package, name)
        if wing is not None:
            found[wing] |= {wing_of(package, each) for each in imports_of(name, path) if each} - {wing, None}
    return found


def below(wings, wing):
    """All that a wing stands on."""
    return set().union(*({each} | below(wings, each) for each in wings[wing]))


@pytest.mark.parametrize(
    ("package", "diagram"), list(zip(["durable_dsl", "durable_dsl.engine", "durable_codegen"], DIAGRAMS, strict=True))
)
def test_a_diagram_has_the_imports_between_wings(package, diagram):
    """All but those that follow from others."""
    wings = imported_wings(package)
    needed = {
        (wing, other)
        for wing in wings
        for other in wings[wing]
        if not any(other in below(wings, between) for between in wings[wing] - {other})
    }
    assert needed == set(re.findall(r"^ +(\w+) --> (\w+)$", diagram, re.MULTILINE))


def test_files_that_are_named_are_there():
    """Relative to one of the packages."""
    roots = [*PACKAGES.values(), PACKAGES["durable_dsl"] / "engine", PACKAGES["durable_codegen"] / "analysis", ROOT]
    roots += [root / "interfaces" for root in roots]
    named = re.findall(r"`([\w/]+\.py|[\w/]+/)`", PAGE)
    assert len(named) > 30
    assert [] == [name for name in named if not any((root / name).exists() for root in roots)]
