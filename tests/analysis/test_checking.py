"""The check as a whole: what it looks at, suppressions, forms of output, and the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

from durable_codegen.analysis.check import formats
from durable_codegen.analysis.finding import Finding
from tests.analysis.checked import report_of, write

RETRY = """
from durable_dsl import http, retry


@retry(max_attempts=5)
def buy():
    http.post("https://pay.example/charges")
"""


def codes(report):
    return [(finding.line, finding.code) for finding in report.findings]


def durable_dsl(folder, *arguments):
    command = [sys.executable, "-m", "durable_dsl", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("  # durable-dsl: ignore[DSL503] the service repeats by itself", []),
        ("  # durable-dsl: ignore[DSL503, DSL505] the service repeats by itself", [(4, "DSL591")]),
        ("  # durable-dsl: ignore[DSL503]", [(4, "DSL590")]),
        ("  # durable-dsl: ignore[DSL503] - ", [(4, "DSL590")]),
        ("  # durable-dsl: ignore because", [(4, "DSL503"), (4, "DSL590")]),
        ("  # durable-dsl: ignore[DSL501] another", [(4, "DSL503"), (4, "DSL591")]),
        ("  # noqa", [(4, "DSL503")]),
    ],
)
def test_a_comment_on_the_line_suppresses_with_a_reason(tmp_path, comment, expected):
    """Without a reason, without codes, or for nothing, it is a finding itself."""
    source = RETRY.lstrip().replace("=5)", f"=5){comment}")
    write(tmp_path, {"app.py": f"\n{source}"})

    assert expected == codes(report_of(tmp_path, "app.py"))


def test_a_comment_above_the_line_suppresses(tmp_path):
    """Several may stand above one line; a text that looks like one is none."""
    lines = "# durable-dsl: ignore[DSL503] the service repeats by itself\n# durable-dsl: ignore[DSL502] why not"
    text = RETRY.replace("@retry", f"{lines}\n@retry") + '\nTEXT = "# durable-dsl: ignore[DSL503] no comment"\n'
    write(tmp_path, {"app.py": text})
    report = report_of(tmp_path, "app.py")

    assert [(5, "DSL591")] == codes(report)
    assert 1 == report.suppressed


def test_codes_are_selected_and_ignored(tmp_path):
    """By code or by its beginning; what is not looked for leaves no unused suppressions."""
    text = f"import time\nSTARTED = time.time()  # durable-dsl: ignore[DSL519] wanted\n{RETRY}"
    write(tmp_path, {"app.py": text})

    assert ["DSL503"] == [code for _, code in codes(report_of(tmp_path, "app.py", select=["DSL503"]))]
    assert [] == codes(report_of(tmp_path, "app.py", ignore=["DSL50"]))
    assert [] == codes(report_of(tmp_path, "app.py", select=["DSL51", "DSL59"]))


def test_an_app_is_followed_through_its_imports(tmp_path):
    """What the app does not lead to is no part of the guest; a folder without a project is all of its files."""
    write(tmp_path, {"app.py": "import part\n", "part.py": RETRY, "server.py": "import os\nos.system('ls')\n"})

    assert ["part.py"] == [finding.file for finding in report_of(tmp_path, "app.py").findings]
    assert ["part.py", "server.py"] == [finding.file for finding in report_of(tmp_path, ".").findings]


def test_nothing_has_to_import_or_build(tmp_path):
    """Neither bindings nor WIT nor dependencies are there; a broken WIT is not this command's concern."""
    source = f"from wit_world.exports.shop import Receipt\nimport stripe\n{RETRY}"
    write(tmp_path, {"app.py": source, "wit/world.wit": "package broken"})

    assert [(7, "DSL503")] == codes(report_of(tmp_path, "app.py"))


def test_a_file_that_does_not_parse_is_a_finding(tmp_path):
    """The others are looked at all the same."""
    write(tmp_path, {"one.py": "def broken(:\n", "two.py": RETRY})

    assert ["DSL211", "DSL503"] == [finding.code for finding in report_of(tmp_path, ".").findings]


def test_tests_and_environments_are_not_looked_at(tmp_path):
    """In a folder they are no guest code; named, they are."""
    names = ["tests/helper.py", "test_app.py", ".venv/lib/it.py", "env/pyvenv.cfg", "env/it.py", "conftest.py"]
    write(tmp_path, {**dict.fromkeys(names, RETRY), "app.py": "shelf = 1\n"})

    assert () == report_of(tmp_path, ".").findings
    assert [(4, "DSL503")] == codes(report_of(tmp_path, "test_app.py"))


def test_a_large_app_takes_a_moment(tmp_path):
    """Six hundred functions, marked and calling each other ten deep: below a second on a quiet machine."""
    body = "\n".join(
        f"@atomic\ndef place{n}(order):\n    with retry(min_delay=1):\n        return step{n}(order)\n\n"
        f"def step{n}(order):\n    http.post('https://pay.example', json=order)\n"
        f"    return {'order' if n % 10 == 9 else f'step{n + 1}(order)'}\n"
        for n in range(300)
    )
    write(tmp_path, {"app.py": f"from durable_dsl import atomic, http, retry\n\n{body}"})
    begin = time.process_time()
    report_of(tmp_path, "app.py")

    assert 4 > time.process_time() - begin


def test_the_command_says_by_its_status_whether_anything_is_wrong(tmp_path):
    """1 for errors and warnings, 0 for information only, 2 for a wrong option."""
    write(tmp_path, {"bad.py": RETRY, "good.py": "from durable_dsl import atomic\n\n@atomic\ndef place(): ...\n"})
    bad, good = durable_dsl(tmp_path, "check", "bad.py"), durable_dsl(tmp_path, "check", "good.py")

    assert 1 == bad.returncode, bad.stderr
    assert bad.stdout.startswith("bad.py:4:1: warning DSL503: `@retry(max_attempts=5)` repeats nothing")
    assert bad.stdout.endswith("Found 1 warning in 1 file.\n")
    assert 0 == good.returncode, good.stdout
    assert "info DSL504" in good.stdout
    assert 2 == durable_dsl(tmp_path, "check", "bad.py", "--select", "DSL9").returncode
    assert 1 == durable_dsl(tmp_path, "check", "nothing.py").returncode
    assert 0 == durable_dsl(tmp_path, "check", "bad.py", "--ignore", "DSL503").returncode
    both = durable_dsl(tmp_path, "check", "bad.py", "good.py")
    assert "in 2 files." in both.stdout


def test_machines_can_read_the_findings(tmp_path):
    """JSON, SARIF and GitHub's annotations say the same."""
    write(tmp_path, {"app.py": RETRY})
    report = report_of(tmp_path, "app.py")
    [found] = formats.to_json(report)["findings"]
    sarif = formats.sarif(report, "1.0")
    [run] = sarif["runs"]
    [result] = run["results"]

    assert ("DSL503", "warning", "app.py", 4, 1) == tuple(
        found[key] for key in ("code", "severity", "file", "line", "column")
    )
    assert {"suppressed": 0, "files": 1} == {key: formats.to_json(report)[key] for key in ("suppressed", "files")}
    assert "2.1.0" == sarif["version"]
    assert "DSL503" == run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"]
    assert {"startLine": 4, "startColumn": 1} == result["locations"][0]["physicalLocation"]["region"]
    assert formats.github(report).startswith("::warning file=app.py,line=4,col=1,title=DSL503::`@retry")
    assert "\n" not in formats.github(report)
    assert json.loads(durable_dsl(tmp_path, "check", "app.py", "--json").stdout) == formats.to_json(report)
    assert "2.1.0" == json.loads(durable_dsl(tmp_path, "check", "app.py", "--format", "sarif").stdout)["version"]


def test_a_finding_has_a_code_of_the_catalogue():
    """A code keeps its meaning, so there is a list of them."""
    with pytest.raises(ValueError, match="DSL599"):
        Finding("DSL599", "error", "app.py", 1, 1, "no such code")
