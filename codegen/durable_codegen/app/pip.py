"""Running pip for the guest, and saying in one line what it says in many."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from packaging.utils import canonicalize_name

from durable_codegen.faults import BuildFailed, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Pip", "Wheel"]

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
#: More megabytes than this no package has beside which it could do without them.
_LARGEST: Final = 24.0
_SIZE: Final = re.compile(r"^\s*Downloading .*\((?P<megabytes>[\d.]+) MB\)")
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


@dataclass(frozen=True, slots=True)
class Wheel:
    """A version of a package, and the file name of the wheel that it is installed from."""

    version: str
    file: str

    @property
    def is_native(self) -> bool:
        """Whether it is for one platform."""
        return not self.file.endswith("-none-any.whl")


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
        #: A folder of wheels that the guest may have beside those of the index.
        self.made = work / "made"
        #: Why packages need their native code, by canonical name.
        self.refusals: dict[str, str] = {}
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
                *([f"--find-links={self.made}"] if self.made.is_dir() else []),
                *self._always,
                *requirements,
            ]
        )
        if status != 0:
            raise BuildFailed([self._fault(errors)])

    def plain(self, requirements: Sequence[str]) -> dict[str, Wheel]:
        """What an installation for this machine would hold, by canonical name."""
        # Versions of pip before 24 want a target for options like these, though nothing is put there.
        look = ["install", "--dry-run", f"--target={self._work / 'elsewhere'}", "--quiet", "--report=-"]
        status, report, errors = self._run(
            [*look, *_FOR_THIS_MACHINE, *self._options, *self._always, *requirements],
        )
        if status != 0:
            raise BuildFailed([self._fault(errors)])
        return {
            canonicalize_name(each["metadata"]["name"]): Wheel(each["metadata"]["version"], _file_of(each))
            for each in json.loads(report)["install"]
        }

    def has_pure(self, requirement: str) -> bool:
        """Whether there is a wheel for the guest."""
        look = ["install", "--dry-run", f"--target={self._work / 'elsewhere'}", "--quiet", "--no-deps"]
        status, _, _ = self._run([*look, *_FOR_THE_GUEST, requirement])
        return status == 0

    def fetch(self, requirement: str) -> Path | None:
        """The wheel for this machine, None if it is too large to be looked into, or cannot be had."""
        folder = self._work / "native"
        fetch = ["download", "--no-deps", f"--dest={folder}", "--progress-bar=off", *_FOR_THIS_MACHINE]
        before = set(folder.glob("*.whl"))
        status, _, _ = self._run([*fetch, requirement], stop=_is_too_large)
        return next(iter(set(folder.glob("*.whl")) - before), None) if status == 0 else None

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
            needed = self.refusals.get(canonicalize_name(name))
            return Fault(
                "DSL302",
                f"{name}{by} has no pure-Python wheel, only native ones such as {native}",
                detail=f"It does not work without: {needed}." if needed else "",
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
        """The file name of the wheel that this machine would be given, for the guest's Python or else its own."""
        look = ["install", "--dry-run", f"--target={self._work / 'elsewhere'}", "--no-deps", "--quiet", "--report=-"]
        for options in (_FOR_THIS_MACHINE, _FOR_THIS_MACHINE[:1]):
            status, report, _ = self._run([*look, *options, what])
            if status == 0:
                return _native_wheel(report)
        return None

    def _run(
        self, arguments: Sequence[str], *, stop: Callable[[str], bool] = lambda _line: False
    ) -> tuple[int, str, str]:
        """Run pip, until it prints a line that says to stop it; status, output, and errors."""
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
                    if stop(line):
                        process.terminate()
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
    return next((_file_of(entry) for entry in json.loads(report)["install"]), None)


def _file_of(entry: Mapping[str, Any]) -> str:
    """The file name of a wheel in pip's report."""
    url: str = entry["download_info"]["url"]
    return url.rpartition("/")[2].partition("#")[0]


def _is_too_large(line: str) -> bool:
    found = _SIZE.match(line)
    return found is not None and float(found["megabytes"]) > _LARGEST


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
