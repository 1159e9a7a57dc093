"""The documentation is what it says: generated pages are current, code parses or runs, links and verbs exist."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from durable_dsl.cli.main import VERBS

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"(<!-- run -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


def blocks(language):
    for page in PAGES:
        for position, (run, name, text) in enumerate(BLOCK.findall(page.read_text())):
            if name == language:
                yield pytest.param(text, bool(run), id=f"{page.name}-{position}")


@pytest.mark.parametrize(("text", "run"), list(blocks("python")))
def test_python_blocks_parse_and_those_marked_run(text, run):
    """An excerpt at least parses; a block under `<!-- run -->` runs as it stands."""
    ast.parse(text)
    if run:
        exec(compile(text, "<docs>", "exec"), {"__name__": "docs"})


@pytest.mark.parametrize(("text", "run"), list(blocks("console")))
def test_commands_exist(text, run):
    """Every `durable-dsl VERB` and `make TARGET` that the pages show is there."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    for verb in re.findall(r"^\$ durable-dsl (\S+)", text, re.MULTILINE):
        assert verb in VERBS
    for target in re.findall(r"^\$ make (\S+)", text, re.MULTILINE):
        assert target in targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    """A relative link names a file of the repository."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", ["errors", "wrappers"])
def test_generated_pages_are_current(page):
    """`make docs` writes them."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)

    assert getattr(generate, page)() == (ROOT / "docs" / f"{page}.md").read_text()
