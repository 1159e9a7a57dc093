"""Running pip for the guest, and saying in one line what it says in many."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from durable_codegen.faults import BuildFailed, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

__all__ = ["Pip"]

#: Wheels that run under any CPython 3.14: no native code, no platform.
_FOR_THE_GUEST = (
    "--only-binary=:all:",
    "--python-version=3.14",
    "--implementation=py",
    "--abi=none",
    "--platform=any",
)
#: Wheels that run under CPython 3.14 on this machine: what a plain install takes.
_FOR_THIS_MACHINE = ("--only-binary=:all:", "--python-version=3.14")
#: Settings of pip that would change where it installs to or what it takes, while its index and network ones are kept.
_DROPPED = ("PIP_TARGET", "PIP_USER", "PIP_PREFIX", "PIP_ROOT", "PIP_NO_BINARY", "PIP_ONLY_BINARY", "PIP_PYTHON")
_DROPPED_PREFIXES = ("PYTHON", "VIRTUAL_ENV", "PIP_REQUIRE_VIRTUALENV")

_NO_VERSION = re.compile(
    r"Could not find a version that satisfies the requirement (?P<what>.+?) "
    r"(?:\(from (?!versions:)(?P<by>[^)]*)\) )?\(from versions: (?P<versions>[^)]*)\)"
)
_UNREACHABLE = re.compile(
    r"NewConnectionError|Failed to establish|ConnectTimeout|ConnectionError|ProxyError|SSLError|NameResolutionError"
    r"|Temporary failure in name resolution|Max retries exceeded|ReadTimeout|Network is unreachable"
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Pip:
    """pip of the Python that runs the build, with requirements that are always added."""

    def __init__(
        self, work: Path, always: Sequence[str], constraints: Sequence[str], progress: Callable[[str], None] | None
    ) -> None:
        if find_spec("pip") is None:
            raise BuildFailed([_no_pip()])
        self._work = work
        self._always = list(always)
        self._progress = progress
        self._options: list[str] = []
        if constraints:
            file = work / "constraints.txt"
            file.write_text("\n".join(constraints) + "\n", encoding="utf-8")
            self._options = [f"--constraint={file}"]

    def install(self, requirements: Sequence[str], target: Path) -> None:
        """Install for the guest; a failure is a fault that names the requirement."""
        status, _, errors = self._run(
            [
                *("install", f"--target={target}", "--upgrade", "--no-compile", "--progress-bar=off"),
                *_FOR_THE_GUEST,
                *self._options,
                *self._always,
                *requirements,
            ]
        )
        if status != 0:
            raise BuildFailed([self._fault(errors)])

    def plain_versions(self, requirements: Sequence[str], *, alone: bool) -> dict[str, str]:
        """The version of each package that an installation for this machine would hold, by canonical name.

        `alone`: only what the requirements name, as if it required nothing.
        """
        # Versions of pip before 24 want a target for options like these, though nothing is put there.
        look = ["install", "--dry-run", f"--target={self._work / 'elsewhere'}", "--quiet", "--report=-"]
        options = [*_FOR_THIS_MACHINE, *(["--no-deps"] if alone else []), *self._options]
        status, report, errors = self._run([*look, *options, *self._always, *requirements])
        if status != 0:
            raise BuildFailed([self._fault(errors)])
        found = (entry["metadata"] for entry in json.loads(report)["install"])
        return {canonicalize_name(each["name"]): each["version"] for each in found}

    def _fault(self, errors: str) -> Fault:
        detail = "\n".join(line for line in errors.splitlines() if line.startswith("ERROR:"))
        if match := _NO_VERSION.search(errors):
            what, name = match["what"], _name_in(match["what"])
            by = f", which {match['by'].partition('->')[0].strip()} needs," if match["by"] else ""
            if match["versions"] != "none" and not self._wheel_here(what):
                newest = match["versions"].split(", ")[-1]
                hint = f"The newest version that runs in the guest is {newest}."
                return Fault("DSL303", f"no version of {name}{by} fits {what}", hint=hint)
            if _UNREACHABLE.search(errors):
                return _unreachable(what, errors)
            return self._without_wheel(name, what, by)
        if _UNREACHABLE.search(errors):
            return _unreachable("the dependencies", errors)
        return Fault("DSL303", "pip could not install the dependencies", detail=detail or errors.strip())

    def _without_wheel(self, name: str, what: str, by: str) -> Fault:
        """Why there is no wheel for the guest: native code only, source only, or no such package."""
        if native := self._wheel_here(what):
            return Fault(
                "DSL302",
                f"{name}{by} has no pure-Python wheel, only native ones such as {native}",
                hint=f"Only Python runs in the guest. Look for a pure-Python package in place of {name}, or call a "
                "service that uses it.",
            )
        status, _, errors = self._run(["index", "versions", name])
        if status == 0:
            return Fault(
                "DSL302",
                f"{name}{by} is published as source only, without a wheel",
                hint=f"If it is pure Python, make a wheel of it (pip wheel {name}) and put the wheel's path, as "
                f'"{name} @ file:///…", in its place among the dependencies.',
            )
        if _UNREACHABLE.search(errors):
            return _unreachable(what, errors)
        return Fault("DSL303", f"the index has no package {name}{by}, or none that fits", hint="Is the name right?")

    def _wheel_here(self, what: str) -> str | None:
        """The file name of the wheel that this machine would be given, if there is one."""
        look = ["install", "--dry-run", "--ignore-installed", "--no-deps", "--quiet", "--report=-"]
        status, report, _ = self._run([*look, "--only-binary=:all:", what])
        return _native_wheel(report) if status == 0 else None

    def _run(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        # -P keeps modules of the working directory, a user's own packaging.py say, out of pip's way.
        command = [
            sys.executable,
            "-P",
            "-m",
            "pip",
            "--no-input",
            "--disable-pip-version-check",
            "--retries=1",
            *arguments,
        ]
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
            with subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_environment(),
                encoding="utf-8",
                errors="replace",
            ) as process:
                assert process.stdout is not None
                output = []
                for line in process.stdout:
                    output.append(line)
                    if self._progress is not None and line.startswith(("Collecting ", "Downloading ", "Installing ")):
                        self._progress(line.strip())
            errors.seek(0)
            return process.returncode, "".join(output), errors.read()


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES)
    }


def _name_in(requirement: str) -> str:
    match = _NAME.match(requirement)
    return match[0] if match else requirement


def _native_wheel(report: str) -> str | None:
    """The file name of the wheel that pip would install here, from its report."""
    for entry in json.loads(report)["install"]:
        url: str = entry["download_info"]["url"]
        return url.rpartition("/")[2].partition("#")[0]
    return None


def _unreachable(what: str, errors: str) -> Fault:
    said = next((line for line in errors.splitlines() if _UNREACHABLE.search(line)), "")
    return Fault(
        "DSL303",
        f"the package index does not answer, so {what} cannot be fetched",
        hint="Connect to the network, or configure an index that is reachable (pip config set global.index-url …). "
        "What was vendored once is kept, and needs no network.",
        detail=said.strip()[:400],
    )


def _no_pip() -> Fault:
    return Fault(
        "DSL303",
        f"pip, which fetches the dependencies, is not installed for {sys.executable}",
        hint=f"Install it with: {sys.executable} -m ensurepip (or uv pip install pip).",
    )
