"""The approval example: killed while it waits, answered through the command line and the Python API, or not at all."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from durable_dsl.engine import Engine, UsageError
from durable_dsl.engine.clock import SkippingClock
from durable_dsl.testing.building import component_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "approval"
APP = EXAMPLE / "approval.py"
CHAIR = {"id": "e-1", "cents": 25_000, "what": "a chair"}


@pytest.fixture
def desk():
    """The desk of the example."""
    spec = importlib.util.spec_from_file_location("desk", EXAMPLE / "desk.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    running = module.Desk()
    yield running
    running.close()


def opened(folder, desk, **options):
    options.setdefault("output", lambda *_: None)
    env = {"DESK": f"http://{desk.address}", "DEADLINE": "2h"}
    return Engine.open(folder, env=env, allow_http=[desk.address], **options)


def test_plain_python_tests_of_the_example_pass(tmp_path):
    """As a user runs them."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(EXAMPLE), str(EXAMPLE)],
        cwd=EXAMPLE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert 0 == run.returncode, run.stdout


def test_killed_while_it_waits_and_approved_from_the_command_line(desk, tmp_path):
    """The question is asked once; the command that answers it runs the worker on, and the expense is paid once."""
    shared = ["--data", str(tmp_path), "--allow-http", desk.address]
    run = [sys.executable, "-m", "durable_dsl", "run", str(component_of(APP)), "submit", json.dumps(CHAIR), *shared]
    run += ["--worker", "e-1", "--idempotency-key", "k", "--env", f"DESK=http://{desk.address}"]
    waiting = subprocess.Popen(run, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    promise = desk.question()
    waiting.kill()
    waiting.wait()
    answer = [sys.executable, "-m", "durable_dsl", "worker", "complete-promise", promise]
    answered = subprocess.run(
        [*answer, '{"approved": true, "by": "ann"}', *shared], capture_output=True, text=True, check=False
    )
    again = subprocess.run([*answer, '{"approved": false, "by": "bob"}', *shared], capture_output=True, check=False)
    outcome = subprocess.run(run, capture_output=True, text=True, check=True).stdout

    assert (0, 0) == (answered.returncode, again.returncode), answered.stderr
    assert "e-1: approved by ann" in answered.stderr
    assert ('"paid"\n', {"e-1": 25_000}, 1) == (outcome, desk.payments, len(desk.questions))


def test_refused_through_the_python_api(desk, tmp_path):
    """With a dict, while the worker waits in this process."""
    with opened(tmp_path, desk) as engine:
        worker = engine.worker("e-1", engine.load(component_of(APP)))
        started = worker.start("submit", CHAIR)
        assert engine.complete_promise(desk.question(), {"approved": False, "by": "bob", "note": "another chair?"})

        assert "refused" == started.wait(300)
        assert {} == desk.payments


def test_nobody_answers(desk, tmp_path):
    """Two hours in no time; then it is too late."""
    with opened(tmp_path, desk, clock=SkippingClock()) as engine:
        worker = engine.worker("e-1", engine.load(component_of(APP)))

        assert "expired" == worker.invoke("submit", CHAIR)
        assert not engine.complete_promise(desk.question(), {"approved": True, "by": "ann"})


def test_an_answer_of_another_form_is_refused_in_words(desk, tmp_path):
    """Whoever answers can get it wrong: the error says what was expected, and the question stays open."""
    with opened(tmp_path, desk) as engine:
        worker = engine.worker("e-1", engine.load(component_of(APP)))
        started = worker.start("submit", CHAIR)
        question = desk.question()
        with pytest.raises(UsageError, match="Decision"):
            engine.complete_promise(question, "yes")
        assert engine.complete_promise(question, {"approved": False, "by": "bob"})
        assert "refused" == started.wait(300)


@pytest.mark.durable(real=0.3)
@pytest.mark.parametrize(
    ("cents", "answers", "paid"),
    [
        (500, [], True),
        (25_000, [], False),
        (25_000, [{"approved": True, "by": "ann"}], True),
        (25_000, [{"approved": False, "by": "bob"}], False),
    ],
)
def test_it_survives_a_crash_anywhere(crash_driver, desk, cents, answers, paid):
    """A question or a payment is repeated at most once per crash, and the keys make that harmless."""

    def forget():
        desk.requests.clear()
        desk.questions.clear()
        desk.payments.clear()

    crash_driver.run(
        APP, "submit", {**CHAIR, "cents": cents}, effects=lambda: desk.requests, before_each=forget, answers=answers,
        check=lambda run: len(desk.payments) == paid or pytest.fail(f"paid: {desk.payments}"), sample=10,
        env={"DESK": f"http://{desk.address}", "DEADLINE": "20s"}, allow_http=[desk.address],
    )  # fmt: skip
