"""What `durable-dsl explain` says is done again, held against crashes at every point of a component."""

from __future__ import annotations

from pathlib import Path

import pytest

from durable_codegen.analysis.explain.section import read_explained
from durable_dsl.testing import effect_server
from tests.components import built_once

APP = Path(__file__).parent / "explained"
#: The labels of the app's requests, in the order of its effects.
LABELS = "abcdefgh"


def said(component):
    """For each request, the labels that explain says are done again if the process dies in it."""
    [export] = read_explained(component)
    requests = [step["number"] for step in export["steps"] if step["kind"] == "http"]
    labels = dict(zip(requests, LABELS, strict=True))
    return {
        labels[n]: {labels[m] for m in step["again"] if m in labels}
        for n in requests
        for step in [export["steps"][n - 1]]
    }


def doubled(crash_driver, component, **options):
    """The sets of labels that were done twice, one set for each point that was tried."""
    with effect_server() as server:
        report = crash_driver.run(
            component, "place", server.url, effects=server.effects, before_each=server.clear,
            allow_http=[server.address], **options,
        )  # fmt: skip

    assert all(count <= 2 for tried in report.tried for count in tried.effects.values())
    return [{label for label, count in tried.effects.items() if count > 1} for tried in report.tried]


@pytest.mark.guarantee("EXPLAIN-1")
@pytest.mark.durable(real=0)
def test_explain_says_what_a_crash_does_again(crash_driver, tmp_path_factory):
    """At a sample of points, what is done twice is what explain says of the request under way."""
    component = built_once(APP, tmp_path_factory)
    promised = said(component).values()

    assert [] == [
        seen for seen in doubled(crash_driver, component, sample=10) if not any(seen <= each for each in promised)
    ]


@pytest.mark.exhaustive
@pytest.mark.durable(real=0.2)
def test_all_that_explain_says_can_happen_and_nothing_else(crash_driver, tmp_path_factory):
    """At every point; and each set of effects that is done again is seen."""
    component = built_once(APP, tmp_path_factory)
    promised = said(component).values()
    seen = doubled(crash_driver, component)

    assert [] == [each for each in seen if not any(each <= again for again in promised)]
    assert [] == [again for again in promised if again not in seen]
