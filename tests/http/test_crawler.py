"""The example of a crawler on httpx: the same pages as a component, at the same time, and through crashes anywhere."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from durable_dsl.engine import Engine
from durable_dsl.testing.building import component_of

CRAWLER = Path(__file__).parents[2] / "examples" / "crawler"


@pytest.fixture(scope="module")
def component():
    return component_of(CRAWLER / "crawler.py")


@pytest.fixture
def site():
    spec = importlib.util.spec_from_file_location("website", CRAWLER / "website.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    running = module.Site(delay=0.02)
    yield running
    running.close()


def test_plain_python_tests_of_the_example_pass():
    """As a user runs them."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(CRAWLER)],
        cwd=CRAWLER, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert 0 == run.returncode, run.stdout


def test_a_component_reads_the_same_pages(component, site, tmp_path):
    """Each once, several at a time; a recovery reads none again."""
    with Engine.open(tmp_path, allow_http=[site.address], output=lambda *_: None) as engine:
        pages = engine.worker("c", engine.load(component)).invoke("crawl", site.url, 50, 4, idempotency_key="k")
    asked = list(site.asked)
    with Engine.open(tmp_path, allow_http=[site.address], output=lambda *_: None) as engine:
        again = engine.worker("c").invoke("crawl", site.url, 50, 4, idempotency_key="k")
        assert 1 == len(engine.worker("c").invoke("crawl", f"{site.url}c", 50, 4))

    assert pages == again
    expected = ["", "a", "a/1", "a/2", "b", "c", "missing", "moved"]
    assert expected == [page["url"].removeprefix(site.url) for page in pages]
    assert [200] * 6 + [404, 200] == [page["status"] for page in pages]
    assert sorted(asked) == sorted(set(asked))
    assert [*asked, "/c"] == site.asked


@pytest.mark.durable(real=0.5)
def test_a_crawl_survives_a_crash_anywhere(crash_driver, component, site):
    """A page is asked for again only if its answer was cut off, which is so for as many as were under way."""

    def twice_at_most(run):
        assert max(run.effects.values()) <= 2
        assert sum(run.effects.values()) <= 9 + 4

    crash_driver.run(
        component, "crawl", site.url, 50, 4, effects=lambda: list(site.asked), before_each=site.asked.clear,
        expect=dict.fromkeys(map("/{}".format, ["", "a", "a/1", "a/2", "b", "c", "missing", "moved", "new"]), (1, 2)),
        check=twice_at_most, allow_http=[site.address], sample=12,
    )  # fmt: skip
