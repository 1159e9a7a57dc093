"""A component that Go makes: its standard library reaches WASI 0.2 through the adapter for the older WASI.

It is built from `go/` in a temporary folder. Cargo brings the adapter, which is a file in a crate.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from durable_codegen.wit.toolchain import run_wasm_tools
from durable_dsl.engine import Engine, InvocationError
from tests.components import alone, shared
from tests.engine.programs import Shown, command, opened
from tests.foreign.waiting import until

pytestmark = [pytest.mark.exhaustive, pytest.mark.durable(sample=24, real=0.25)]

SOURCE = Path(__file__).parent / "go"
ADAPTER = "wasi-preview1-component-adapter-provider"
DAY = 24 * 3600 * 1000


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """The component, built once in a test run."""
    for tool in ("go", "cargo"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed; the component is built with Go, and Cargo brings the adapter")
    folder = shared(tmp_path_factory) / "foreign-go"
    with alone(folder.with_suffix(".lock")):
        if not (folder / "ledger.wasm").exists():
            shutil.copytree(SOURCE, folder, dirs_exist_ok=True)
            _build(folder, _adapter(folder / "adapter"))
    return folder / "ledger.wasm"


def _adapter(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    shutil.copy(SOURCE / "adapter.toml", folder / "Cargo.toml")
    (folder / "none.rs").touch()
    metadata = subprocess.run(
        ["cargo", "metadata", "--format-version", "1"], cwd=folder, capture_output=True, text=True, check=False
    )
    if metadata.returncode:
        pytest.skip(f"cargo cannot bring {ADAPTER}: {metadata.stderr.strip()[-300:]}")
    packages = json.loads(metadata.stdout)["packages"]
    manifest = next(package["manifest_path"] for package in packages if package["name"] == ADAPTER)
    return Path(manifest).parent / "artefacts" / "wasi_snapshot_preview1.reactor.wasm"


def _build(folder: Path, adapter: Path) -> None:
    # -checklinkname=0 allows main.go to name `sbrk`, which is Go's own.
    go = ["go", "build", "-buildmode=c-shared", "-ldflags=-checklinkname=0", "-o", "core.wasm", "."]
    environment = {**os.environ, "GOOS": "wasip1", "GOARCH": "wasm"}
    ended = subprocess.run(go, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    core, embedded = folder / "core.wasm", folder / "embedded.wasm"
    adapted = f"wasi_snapshot_preview1={adapter}"
    for arguments in (
        ["component", "embed", folder / "wit", core, "--world", "ledger", "--output", embedded],
        ["component", "new", embedded, "--adapt", adapted, "--output", folder / "ledger.wasm"],
    ):
        made = run_wasm_tools(arguments)
        assert not made.failed, made.stderr


@pytest.fixture
def outside(tmp_path):
    """A directory of the host's that the guest writes its ledger to: each line is an effect."""
    folder = tmp_path / "outside"
    folder.mkdir()
    return folder


def written(folder: Path) -> list[str]:
    ledger = folder / "ledger"
    return ledger.read_text().split() if ledger.exists() else []


@pytest.mark.parametrize(
    ("export", "bounds"),
    [("book", {"debit": (1, 2), "credit": (1, 2), "done": (1, 2)}), ("attempts", {"try": (3, 4)})],
)
def test_files_and_regions_survive_a_crash_anywhere(crash_driver, ledger, outside, export, bounds):
    """Lines that go to the outside world; one line is several calls, of which one may be done again."""
    crash_driver.run(
        ledger, export, *([5] if export == "book" else []),
        effects=lambda: written(outside), before_each=lambda: (outside / "ledger").unlink(missing_ok=True),
        expect=bounds, dirs=[f"{outside}::/out"], same=lambda _expected, _actual: True,
    )  # fmt: skip


@pytest.mark.parametrize(("export", "arguments"), [("nap", [DAY]), ("draw", []), ("grow", []), ("fails", [0])])
def test_other_calls_survive_a_crash_anywhere(crash_driver, ledger, export, arguments):
    """Goroutines that sleep, random numbers and the order of maps, files of its own, panics."""
    same = {"draw": lambda _expected, _actual: True, "nap": lambda expected, actual: abs(actual - expected) < 60_000}
    crash_driver.run(ledger, export, *arguments, same=same.get(export))


def test_a_worker_goes_on_after_it_lost_its_instance(ledger, tmp_path):
    """Its files are rebuilt, its output is not shown again, a day costs nothing."""
    with opened(tmp_path, output=(shown := Shown())) as engine:
        worker = engine.worker("w", engine.load(ledger))
        before = [worker.invoke("grow"), worker.invoke("nap", DAY), worker.invoke("draw")]
        worker.simulate_crash()
        after = [worker.invoke("grow"), worker.invoke("draw")]

    assert (1, 2) == (before[0], after[0])
    assert DAY <= before[1] < DAY + 60_000
    assert before[2] != after[1]
    assert "".join(f"slept a part of {part}\n" for part in (3, 2, 1)) == shown.text


@pytest.mark.parametrize(
    ("how", "kind", "message"),
    [
        (0, "panic", "no such account"),
        (1, "Exit", "exit status 1"),  # a WASI exit has no other
        (2, "fatal error", "out of memory"),
        (3, "RecursionError", "call stack is exhausted"),
        (4, "fatal error", "all goroutines are asleep"),
    ],
)
def test_how_it_ends(ledger, tmp_path, how, kind, message):
    """In Go's words, with the lines of the goroutine that ran, each failure once."""
    with opened(tmp_path, output=(shown := Shown()), max_memory=200 << 20) as engine:
        with pytest.raises(InvocationError, match=message) as caught:
            engine.worker("w", engine.load(ledger)).invoke("fails", how)
        status = engine.worker("w").status

    assert kind == caught.value.type
    assert ("exited" if kind == "Exit" else "failed") == status
    assert "wasm function" not in caught.value.traceback
    assert "goroutine" not in shown.text
    if kind in {"panic", "fatal error"}:
        assert "main.go:" in caught.value.traceback


def test_a_killed_process_goes_on_where_it_was(ledger, outside, tmp_path):
    """The same call again finishes it, after what is left of its minute."""
    data = tmp_path / "data"
    with Engine.open(data) as engine:
        engine.load(ledger)  # compiled before anything is timed
    grant = f"{outside}::/out"
    first = subprocess.Popen(
        command(data, "run", str(ledger), "book", "5", "--worker", "w", "--idempotency-key", "k", "--dir", grant),
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: ["debit", "credit"] == written(outside))
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()

    with opened(data, dirs=[grant]) as engine:  # skips the minute
        assert 5 == engine.worker("w", engine.load(ledger)).invoke("book", 5, idempotency_key="k")
    assert "done" == written(outside)[-1]
