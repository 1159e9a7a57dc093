"""DSL523: tasks whose requests have to wait for each other, and those whose requests may overlap."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.analysis.checked import assert_finds, report_of, write

HEAD = """
import asyncio
import httpx
from durable_dsl import atomic, http, idempotent, non_idempotent

"""

FOUND = {
    "gathered calls": """
        async def ask(urls):
            return await asyncio.gather(*(http.aget(url) for url in urls))  # finds DSL523
    """,
    "gathered tasks of a list": """
        async def ask(urls):
            asked = [http.aget(url) for url in urls]
            return await asyncio.gather(*asked)  # finds DSL523
    """,
    "a task group": """
        async def ask(urls):
            async with asyncio.TaskGroup() as group:
                for url in urls:
                    group.create_task(read(url))  # finds DSL523

        async def read(url):
            async with httpx.AsyncClient() as client:
                return await client.get(url)
    """,
    "in a region alone": """
        async def ask(urls):
            with atomic:
                return await asyncio.gather(*(http.aget(url) for url in urls))  # finds DSL523
    """,
    "idempotent again": """
        @non_idempotent
        async def ask(urls):
            with idempotent:
                return await asyncio.gather(*(http.aget(url) for url in urls))  # finds DSL523
    """,
}

NOT_FOUND = {
    "in a region in which requests may overlap": """
        async def ask(urls):
            with atomic, non_idempotent:
                return await asyncio.gather(*(http.aget(url) for url in urls))
    """,
    "under a mode of the caller": """
        @non_idempotent
        async def main(urls):
            return await ask(urls)

        async def ask(urls):
            return await asyncio.gather(*(http.aget(url) for url in urls))
    """,
    "let overlap": """
        async def ask(urls):
            with http.overlapping():
                return await asyncio.gather(*(http.aget(url) for url in urls))
    """,
    "tasks without requests": """
        async def wait(seconds):
            await asyncio.gather(*(asyncio.sleep(each) for each in seconds))
            return await http.aget("https://done.example")
    """,
}


@pytest.mark.parametrize("name", FOUND)
def test_requests_that_wait_for_each_other_are_told(tmp_path, name):
    """Once for each place that starts tasks; nothing else is said of it."""
    assert_finds(tmp_path, HEAD + dedent(FOUND[name]))


@pytest.mark.parametrize("name", NOT_FOUND)
def test_requests_that_may_overlap_are_not(tmp_path, name):
    """Nor is anything else said of a statement that opens both regions: it means it."""
    report = assert_finds(tmp_path, HEAD + dedent(NOT_FOUND[name]))

    assert {each.code for each in report.findings} <= {"DSL504"}


def test_the_setting_says_it_for_all(tmp_path):
    """`overlapping-requests` of the project."""
    source = HEAD + dedent(FOUND["gathered calls"])
    write(tmp_path, {"app.py": source})
    before = [finding.code for finding in report_of(tmp_path, "app.py").findings]
    write(tmp_path, {"pyproject.toml": "[tool.durable-dsl]\noverlapping-requests = true\n"})

    assert before == ["DSL523"]
    assert () == report_of(tmp_path, "app.py").findings
