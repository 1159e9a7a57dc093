"""`durable-dsl new`: a project that builds, runs and tests as it is."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
import yaml

COMMAND = [sys.executable, "-m", "durable_dsl"]
#: How Golem 1.2 writes the component's name in a template.
FILTER = "{{ component_name | to_snake_case }}"


def run(folder, *command):
    return subprocess.run(command, check=False, cwd=folder, capture_output=True, text=True, timeout=600)


def test_a_new_project_tests_and_runs(tmp_path):
    """Nothing has to be done in between; there is no WIT."""
    made = run(tmp_path, *COMMAND, "new", "my-Notes")
    project = tmp_path / "my-Notes"

    assert made.returncode == 0, made.stderr
    names = [".gitignore", "README.md", "my_notes.py", "pyproject.toml", "test_my_notes.py"]
    assert made.stdout.split() == [f"my-Notes/{name}" for name in names]

    tested = run(project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout

    added = run(project, *COMMAND, "run", "my_notes.py", "add", "milk", "--worker", "me")
    assert (added.returncode, json.loads(added.stdout)) == (0, {"ok": 1}), added.stderr
    assert "built my_notes.wasm in " in added.stderr
    refused = run(project, *COMMAND, "run", ".", "add", " ", "--worker", "me")
    assert json.loads(refused.stdout) == {"err": {"hint": "a note needs some text"}}, refused.stderr
    assert "built" not in refused.stderr
    listed = run(project, *COMMAND, "run", "my_notes.py", "all", "--worker", "me")
    assert json.loads(listed.stdout) == ["milk"]
    shown = run(project, *COMMAND, "inspect", "my_notes.py")
    assert "api#add(text: string) -> result<s64, empty-note>" in shown.stdout, shown.stderr


def test_a_new_project_with_wit_tests_builds_and_runs(tmp_path):
    """The same with a world in WIT."""
    made = run(tmp_path, *COMMAND, "new", "my-Notes", "--wit")
    project = tmp_path / "my-Notes"

    assert made.returncode == 0, made.stderr
    assert sorted(made.stdout.split()) == sorted(
        f"my-Notes/{name}"
        for name in [".gitignore", "README.md", "my_notes.py", "pyproject.toml", "test_my_notes.py", "wit/world.wit"]
    )

    tested = run(project, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout

    built = run(project, *COMMAND, "build", "--json")
    assert built.returncode == 0, built.stdout
    assert json.loads(built.stdout)["output"] == "my_notes.wasm"

    added = run(project, *COMMAND, "run", "my_notes.wasm", "add", "milk", "--worker", "me")
    assert (added.returncode, json.loads(added.stdout)) == (0, {"ok": 1}), added.stderr
    listed = run(project, *COMMAND, "run", "my_notes.wasm", "all", "--worker", "me")
    assert json.loads(listed.stdout) == ["milk"]


@pytest.mark.parametrize("flags", [[], ["--wit"]], ids=["code-first", "wit-first"])
def test_a_new_project_is_formatted(flags, tmp_path):
    """By ruff's defaults."""
    run(tmp_path, *COMMAND, "new", "tidy", *flags)
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", ".", "--exclude", ".durable"]
    done = run(tmp_path / "tidy", *command)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["a b", "1st", "", "json", "class", "-x", "x-", "test_x", "durable-dsl"])
def test_a_name_that_will_not_do(name, tmp_path):
    """Refused before anything is written."""
    done = run(tmp_path, *COMMAND, "new", "--", name)

    assert done.returncode == 1
    assert "DSL405" in done.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path):
    """A folder that holds something is left alone; an empty one is taken."""
    (tmp_path / "there").mkdir()
    assert run(tmp_path, *COMMAND, "new", "there").returncode == 0

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    done = run(tmp_path, *COMMAND, "new", "mine")

    assert done.returncode == 1
    assert "DSL406" in done.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


@pytest.mark.parametrize("name", ["world", "v2-of-it", "result"])
def test_names_that_wit_would_not_take(name, tmp_path):
    """They are escaped, and the project still makes its bindings, or its world."""
    run(tmp_path, *COMMAND, "new", name, "--into", "inferred")
    world = run(tmp_path / "inferred", *COMMAND, "wit")
    assert world.returncode == 0, world.stderr
    done = run(tmp_path, *COMMAND, "new", name, "--wit")

    assert done.returncode == 0, done.stderr
    assert (tmp_path / name / ".durable" / "bindings" / "wit_world").is_dir()


@pytest.mark.parametrize(
    ("generation", "target"),
    [pytest.param("1.1", "golem-1.0", marks=pytest.mark.exhaustive), ("1.2", "golem-1.2")],
)
def test_golem_s_manifest_builds_what_it_names(generation, target, tmp_path):
    """The build command runs as it stands, with the WIT where Golem's tool puts it; no Golem is needed for that."""
    run(tmp_path, *COMMAND, "new", "tea-shop", "--golem", generation)
    project = tmp_path / "tea-shop"
    manifest = yaml.safe_load((project / "golem.yaml").read_text().replace(FILTER, "my_tea_shop"))
    component = manifest["components"]["my:tea-shop"]
    component = manifest["templates"][component["template"]] if "template" in component else component
    (build,) = component["build"]
    shutil.copytree(project / component["sourceWit"], project / component["generatedWit"])
    for folder in build["mkdirs"]:
        (project / folder).mkdir(parents=True)

    built = run(project, sys.executable, "-m", *build["command"].replace("durable-dsl", "durable_dsl").split())

    assert built.returncode == 0, built.stderr
    assert [component["componentWasm"]] == build["targets"]
    assert all((project / name).exists() for name in [*build["sources"], *build["targets"]])
    shown = run(project, *COMMAND, "inspect", component["componentWasm"], "--json")
    assert target == json.loads(shown.stdout)["target"]


@pytest.mark.parametrize(("generation", "said"), [("1.0", "cannot load"), ("1.5", "agents"), ("7", "no manifest")])
def test_a_golem_that_cannot_run_it(generation, said, tmp_path):
    """Refused with the reason before anything is written."""
    done = run(tmp_path, *COMMAND, "new", "tea-shop", "--golem", generation)

    assert done.returncode == 1
    assert "DSL407" in done.stderr
    assert said in done.stderr
    assert not list(tmp_path.iterdir())
