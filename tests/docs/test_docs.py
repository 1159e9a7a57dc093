"""The documentation is what it says: every block runs, generated pages are current, links lead somewhere."""

from __future__ import annotations

import importlib.util
import re

import pytest

from .pages import ROOT, run_page

PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
GENERATED = ["errors", "wrappers"]


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem not in GENERATED], ids=lambda page: page.name)
def test_every_block_of_a_page_does_what_it_says(page, tmp_path):
    """From top to bottom in an empty folder: files are written, commands and Python run, excerpts compared."""
    folder = tmp_path / "page"
    folder.mkdir()

    run_page(page, folder)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    """A relative link names a file of the repository, and a heading of it."""
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", page.read_text()):
        path = page.parent / target if target else page
        assert path.exists(), target
        if heading:
            assert heading in anchors(path.read_text()), f"{target}#{heading}"


def anchors(text):
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", GENERATED)
def test_generated_pages_are_current(page):
    """`make docs` writes them."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)

    assert getattr(generate, page)() == (ROOT / "docs" / f"{page}.md").read_text()
