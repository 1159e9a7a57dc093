"""A crawler on httpx: real, unmodified, and durable as soon as it runs in a component.

Several pages are under way at the same time: one batch after another, each in a region. A crawl that is killed goes on
with the batch that was under way, which is read again as a whole; what was read before is answered from the oplog, and
no server is asked for it again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx

from durable_dsl import atomic, export, non_idempotent


@dataclass
class Page:
    """A page that was asked for: its status (0 where there was no answer), its title and how many links it has."""

    url: str
    status: int
    title: str
    links: int


class _Links(HTMLParser):
    """Collects the title and the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.title = ""
        self.found: list[str] = []
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = tag == "title"
        if tag == "a" and (target := dict(attrs).get("href")):
            self.found.append(target)

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data.strip()


@export
async def crawl(start: str, most: int = 50, at_once: int = 4) -> list[Page]:
    """Follow the links of one site from `start`, and tell what was there, in the order of the addresses."""
    pages: dict[str, Page] = {}
    waiting = [start]
    async with httpx.AsyncClient(follow_redirects=True, timeout=10) as client:
        while waiting and len(pages) < most:
            batch, waiting = waiting[:at_once], waiting[at_once:]
            # Servers of Golem 1.x find their way through requests that overlap only in a region of this kind.
            with atomic, non_idempotent:
                read = await asyncio.gather(*(_read(client, url) for url in batch))
            for page, links in read:
                pages[page.url] = page
                known = {*pages, *waiting, *batch}
                waiting += [url for url in links if _same_site(url, start) and url not in known]
    print(f"{len(pages)} pages")
    return sorted(pages.values(), key=lambda page: page.url)


async def _read(client: httpx.AsyncClient, url: str) -> tuple[Page, list[str]]:
    try:
        response = await client.get(url)
    except httpx.HTTPError as error:
        return Page(url, 0, type(error).__name__, 0), []
    parser = _Links()
    parser.feed(response.text)
    links = sorted({urldefrag(urljoin(str(response.url), link)).url for link in parser.found})
    return Page(url, response.status_code, parser.title, len(links)), links


def _same_site(url: str, start: str) -> bool:
    return urlsplit(url)[:2] == urlsplit(start)[:2]
