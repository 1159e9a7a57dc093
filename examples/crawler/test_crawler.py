"""The crawler in plain Python, against a real site."""

from __future__ import annotations

import asyncio

import crawler
import pytest
from website import Site


@pytest.fixture
def site():
    """A site whose pages take a while."""
    site = Site(delay=0.1)
    yield site
    site.close()


def test_every_page_of_the_site_is_read_once(site):
    """Redirects are followed, other sites are not, and what is missing is told."""
    pages = asyncio.run(crawler.crawl(site.url))

    assert {page.url.removeprefix(site.url): (page.status, page.title) for page in pages} == {
        "": (200, "Home"),
        "a": (200, "A"),
        "a/1": (200, "A1"),
        "a/2": (200, "A2"),
        "b": (200, "B"),
        "c": (200, "C"),
        "missing": (404, "Not found"),
        "moved": (200, "New"),
    }
    assert sorted(site.asked) == sorted({*site.asked})


def test_pages_are_under_way_at_the_same_time(site):
    """Four at a time, and no more."""
    asyncio.run(crawler.crawl(site.url))

    assert 1 < site.most <= 4


def test_a_site_that_does_not_answer_is_told():
    """Status 0, and the kind of error."""
    (page,) = asyncio.run(crawler.crawl("http://127.0.0.1:9/"))

    assert (page.status, page.title) == (0, "ConnectError")
