"""The frame of the command line: exit statuses, help, arguments after options, a reader that goes away."""

from __future__ import annotations

import subprocess
import sys

import pytest

from durable_dsl.cli.main import VERBS
from tests.guests import guest

COMMAND = [sys.executable, "-m", "durable_dsl"]


def run(*words, **options):
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False, timeout=600, **options)


def test_no_verb_is_a_usage_error():
    """Help goes to stderr, status 2."""
    done = run()

    assert (2, "") == (done.returncode, done.stdout)
    assert "VERB" in done.stderr


def test_version():
    """One line on stdout."""
    done = run("--version")

    assert 0 == done.returncode
    assert done.stdout.startswith("durable-dsl ")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb):
    """`--help` says what the verb is for."""
    done = run(verb, "--help")

    assert 0 == done.returncode
    assert VERBS[verb][1:].split()[0] in done.stdout


def test_unknown_verbs_and_options_are_usage_errors():
    """Status 2 and the word that is wrong."""
    for words in (["fly"], ["worker", "list", "--fast"], ["run", "x.wasm", "f", "--fast"]):
        done = run(*words)

        assert 2 == done.returncode
        assert words[-1] in done.stderr


def test_arguments_may_follow_options(tmp_path):
    """`run COMPONENT EXPORT --worker NAME ARG…`; a negative number is an argument, not an option."""
    options = ["--data", str(tmp_path), "--worker", "w"]
    done = run("run", str(guest("shop")), "total", *options, '[{"sku": "tea", "quantity": 2}]')
    negative = run("run", str(guest("shop")), "total", *options, "-5")

    assert (0, "2") == (done.returncode, done.stdout.strip()), done.stderr
    assert 1 == negative.returncode
    assert "list<line>, got -5" in negative.stderr


def test_a_reader_that_goes_away_is_no_traceback(tmp_path):
    """`durable-dsl worker list | head -0` ends quietly."""
    command = " ".join([*COMMAND, "worker", "list", "--json", "--data", str(tmp_path)])
    done = subprocess.run(["bash", "-c", f"{command} | true"], capture_output=True, text=True, check=False, timeout=600)

    assert "Traceback" not in done.stderr
