"""The floor plan holds: imports run one way, guests can import what they need, the public surface is what it was."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {"durable_dsl": ROOT / "durable_dsl", "durable_codegen": ROOT / "codegen" / "durable_codegen"}

#: What each part may import of ours, besides itself. The first matching prefix counts.
MAY_IMPORT = {
    "durable_dsl.asides": (),
    "durable_dsl.errors": (),
    "durable_dsl.policy": ("durable_dsl.errors",),
    "durable_dsl.printable": (),
    "durable_dsl.results": (),
    "durable_dsl.temporary": (),
    "durable_dsl.values": (),
    "durable_dsl.yields": (),
    "durable_dsl.binding": (
        "durable_dsl.asides",
        "durable_dsl.errors",
        "durable_dsl.policy",
        "durable_dsl.results",
        "durable_dsl.values",
    ),
    "durable_dsl.engine": (
        "durable_dsl.asides",
        "durable_dsl.errors",
        "durable_dsl.policy",
        "durable_dsl.printable",
        "durable_dsl.results",
        "durable_dsl.temporary",
        "durable_dsl.values",
    ),
    "durable_dsl.testing": ("durable_dsl", "durable_codegen"),
    "durable_dsl.cli": ("durable_dsl", "durable_codegen"),
    "durable_dsl.__main__": ("durable_dsl.cli",),
    "durable_dsl": (
        "durable_dsl.binding",
        "durable_dsl.errors",
        "durable_dsl.policy",
        "durable_dsl.results",
        "durable_dsl.values",
        "durable_dsl.yields",
    ),
    "durable_codegen": (
        "durable_dsl.errors",
        "durable_dsl.marks",
        "durable_dsl.policy",
        "durable_dsl.snapshots",
        "durable_dsl.temporary",
    ),
}

SURFACES = {
    "durable_dsl": """DurableError Err HostFunctionMissing MarkError Ok PersistenceLevel Promise PromiseTimeout
        RegionError RegionFailed RetryPolicy RewindUnsupported Some TransactionFailed TransactionStep atomic commit
        create_promise export idempotency_key idempotent is_idempotent load_snapshot non_idempotent
        operation oplog_commit oplog_index persist persistence_level retry retry_policy rewind
        save_snapshot transaction""",
    "durable_dsl.testing": "Call CrashDriver CrashFailure Report effect_server trace unwrap_failures",
}


#: How many modules a folder may have, where more than fifteen.
MOST = {"cli": 20}

#: The wings of each part, from the ground up: each may import what stands before it.
FLOORS = {
    "durable_dsl": """asides errors policy printable results temporary types values yields binding regions oplog marks
        snapshots promises http remote transactions engine testing cli __main__""",
    "durable_codegen": """catalogue faults app project wit discovery source world infer plan
        component emit analysis front scaffold build""",
    "durable_dsl.engine": """clock errors failures redaction whole_files http traps wit signals oplog standing grants
        directory bridge invocations replay diagnosis worker remote interfaces api comparing retention""",
}


def modules():
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            yield ".".join((package, *parts)), path


def imports_of(name, path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULE_NAMES else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


MODULE_NAMES = {name for name, _ in modules()}


def owner(name):
    matching = [prefix for prefix in MAY_IMPORT if name == prefix or name.startswith(f"{prefix}.")]
    return max(matching, key=len)


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_imports_run_one_way(name, path):
    """A part imports itself and what the floor plan puts below it."""
    mine = owner(name)
    for imported in imports_of(name, path):
        if not imported or imported.split(".")[0] not in PACKAGES:
            continue
        allowed = owner(imported) == mine or any(
            imported == prefix or imported.startswith(f"{prefix}.") for prefix in MAY_IMPORT[mine]
        )

        assert allowed, f"{name} may not import {imported}"


@pytest.mark.parametrize("package", FLOORS)
def test_wings_stand_on_each_other(package):
    """No wing knows one above it, type-checking imports included."""
    floors = FLOORS[package].split()
    height = {wing: floor for floor, wing in enumerate(floors)}
    upwards = {
        f"{name} imports {imported}"
        for name, path in modules()
        if (wing := wing_of(package, name)) is not None
        for imported in imports_of(name, path)
        if imported and (other := wing_of(package, imported)) is not None and height[other] > height[wing]
    }
    assert set() == upwards


def wing_of(package, name):
    """The first part of a module's name within its package; None for those of others."""
    return name[len(package) + 1 :].partition(".")[0] or None if name.startswith(f"{package}.") else None


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("durable_dsl", ["wasmtime", "durable_codegen", "asyncio", "jinja2"]),
        ("durable_dsl.testing.plugin", ["wasmtime", "durable_codegen", "durable_dsl.engine"]),
        ("durable_dsl.cli.main", ["wasmtime", "durable_codegen", "rich", "asyncio"]),
    ],
)
def test_importing_brings_in_no_more_than_needed(module, absent):
    """Start-up time and the guest both depend on it."""
    source = f"import sys, {module}; print(*[name for name in {absent!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)

    assert "" == run.stdout.strip()


@pytest.mark.parametrize("module", SURFACES)
def test_public_surface(module):
    """A name that is added or lost shows up in review."""
    assert sorted(SURFACES[module].split()) == sorted(importlib.import_module(module).__all__)


def test_folders_stay_small():
    """What does not fit on a screen is two wings. The command has a module per verb."""
    counted = Counter(path.parent for _, path in modules() if path.name != "__init__.py")
    crowded = {
        str(folder.relative_to(ROOT)): count for folder, count in counted.items() if count > MOST.get(folder.name, 15)
    }
    assert {} == crowded


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: value if isinstance(value, str) else "")
def test_modules_stay_small(name, path):
    """One noun per module; past 400 lines it is split."""
    assert 400 >= len(path.read_text().splitlines()), name
