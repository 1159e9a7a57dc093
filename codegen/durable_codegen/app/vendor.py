"""The app's dependencies, for the guest: pure-Python packages, installed into a folder of their own.

pip does the work, told to take what runs on any platform under the guest's Python. It judges environment markers by the
Python that runs it, though, so what the guest needs beyond that is looked up in the installed metadata and fetched as
well. A package that has native wheels only, and works without their native code, is taken without it. Each list of
requirements is installed once; the result is kept under the hash of the list. durable_dsl and wrapt are in every guest
already (see `support`); empty stand-ins take their places here, so that pip neither fetches them nor takes requirements
that contradict them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass, replace
from importlib.metadata import Distribution, distributions, version
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from durable_codegen.app.fallbacks import NATIVE, is_made, refusal_of, without_native
from durable_codegen.app.pip import Pip
from durable_codegen.faults import BuildFailed, Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from durable_codegen.app.pip import Wheel

__all__ = ["GUEST_ENVIRONMENT", "Vendored", "vendor"]

#: The environment of the guest, for markers: CPython 3.14 on WASI.
GUEST_ENVIRONMENT: Mapping[str, str] = {
    "implementation_name": "cpython",
    "implementation_version": "3.14.0",
    "os_name": "posix",
    "platform_machine": "wasm32",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "wasi",
    "platform_version": "",
    "python_full_version": "3.14.0",
    "python_version": "3.14",
    "sys_platform": "wasi",
}

_SUPPLIED = ("durable-dsl", "wrapt")
_KEY_FILE = ".durable-dsl-vendored"
#: Raised when what a list of requirements leads to changes with this tool.
_FORMAT = 3


@dataclass(frozen=True, slots=True)
class Vendored:
    """What was installed: the folder for the guest's path, and the packages in it with their versions."""

    path: Path
    packages: tuple[tuple[str, str], ...]
    cached: bool
    #: Notes on packages that were taken without their native code.
    notes: tuple[Fault, ...] = ()


def vendor(
    requirements: Sequence[str],
    into: Path,
    cache: Path,
    *,
    constraints: Sequence[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Vendored:
    """Install the requirements, and all that they require, into the folder `into`.

    Faults name what is to blame: packages without a wheel that runs in the guest, malformed requirements, a pip that
    is not there, an index that does not answer.
    """
    wanted = _for_the_guest(requirements)
    supplied = {name: version(name) for name in _SUPPLIED}
    key = _key(wanted, constraints, supplied)
    entry = cache / key
    cached = entry.is_dir()
    if not cached:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{key[:12]}-", dir=cache) as folder:
            work = Path(folder)
            target = work / "site"
            target.mkdir()
            if wanted:
                stand_ins = [_stand_in(name, supplied[name], work) for name in _SUPPLIED]
                pip = Pip(work, stand_ins, list(constraints), progress)
                _install(pip, wanted, target)
            _put(target, entry)
    _copy(entry, into, key)
    installed = sorted(_installed(entry), key=lambda each: each.name)
    notes = tuple(note for each in installed for note in _note_on(each))
    return Vendored(into, tuple((each.name, each.version) for each in installed), cached, notes)


def _for_the_guest(requirements: Iterable[str]) -> list[str]:
    """The requirements whose markers hold in the guest, without their markers."""
    kept: list[str] = []
    faults: list[Fault] = []
    for text in requirements:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            reason = str(error).partition("\n")[0]
            faults.append(Fault("DSL304", f"not a requirement: {text!r} ({reason})"))
            continue
        if requirement.marker is None or requirement.marker.evaluate(dict(GUEST_ENVIRONMENT)):
            requirement.marker = None
            kept.append(str(requirement))
    if faults:
        raise BuildFailed(faults)
    return sorted(set(kept))


def _key(wanted: Sequence[str], constraints: Sequence[str], supplied: Mapping[str, str]) -> str:
    content = [_FORMAT, GUEST_ENVIRONMENT["python_version"], wanted, sorted(constraints), supplied]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _install(pip: Pip, wanted: list[str], target: Path) -> None:
    """Install into `target` the versions that an installation elsewhere would hold, or say what is in the way.

    pip goes back to the last version that runs in the guest, be it years old; nobody asked for that one.
    """
    try:
        elsewhere = pip.plain(wanted)
    except BuildFailed:
        _install_all(pip, wanted, [], target)  # it says better what is wrong
        raise
    _make_pure(pip, elsewhere)
    _install_all(pip, wanted, [], target)
    newer = _newer(elsewhere, target)
    if not newer:
        return
    pins = {name: f"{name}=={number}" for name, (_, number) in newer.items()}
    try:
        _install_all(pip, wanted, list(pins.values()), target)
    except BuildFailed as failed:
        faults = []
        for name, (older, number) in newer.items():
            try:
                _install_all(pip, wanted, [pins[name]], target)
            except BuildFailed as alone:
                faults += [_gone_back(name, older, number, fault) for fault in alone.faults]
        raise BuildFailed(faults or failed.faults) from failed


def _make_pure(pip: Pip, elsewhere: Mapping[str, Wheel]) -> None:
    """Make wheels for the guest of those elsewhere that have native code and work without it."""
    for name, wheel in elsewhere.items():
        exact = f"{name}=={wheel.version}"
        if not wheel.is_native or pip.has_pure(exact):
            continue
        file = pip.fetch(exact)
        if file is None:
            continue
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            refusal = refusal_of(file, Path(folder))
        if refusal is None:
            pip.made.mkdir(exist_ok=True)
            without_native(file, pip.made)
        else:
            pip.refusals[name] = refusal


def _install_all(pip: Pip, wanted: list[str], pins: list[str], target: Path) -> None:
    """Install into `target`, until what the guest's markers ask for is there."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    asked = [*wanted, *pins]
    while True:
        pip.install(asked, target)
        missing = _missing(wanted, target)
        if not missing:
            break
        if set(missing) <= set(asked):
            raise BuildFailed([Fault("DSL303", f"pip does not install {', '.join(missing)}")])
        asked = sorted({*asked, *missing})
    for each in _installed(target):
        if native := sorted(str(file) for file in each.files or () if Path(file).suffix in NATIVE):
            raise BuildFailed([_native_inside(each, native[0])])


def _newer(elsewhere: Mapping[str, Wheel], target: Path) -> dict[str, tuple[str, str]]:
    """The version here and the one elsewhere of what is older here, required by name or by what is."""
    here = {canonicalize_name(each.name): each.version for each in _installed(target)}
    both = sorted(here.keys() & elsewhere.keys() - set(_SUPPLIED))
    newer = {name: (here[name], elsewhere[name].version) for name in both}
    return {name: (old, new) for name, (old, new) in newer.items() if Version(old) < Version(new)}


def _missing(wanted: Iterable[str], target: Path) -> list[str]:
    """What the guest needs by the metadata of what is installed, and what is not there."""
    present = {canonicalize_name(each.name): each for each in _installed(target)}
    missing: set[str] = set()
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in wanted]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in _SUPPLIED:
            continue
        if name not in present:
            missing.add(str(requirement))
            continue
        for extra in ("", *sorted(requirement.extras)):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += _requires(present[name], extra)
    return sorted(missing)


def _requires(distribution: Distribution, extra: str) -> list[Requirement]:
    found = []
    for text in distribution.requires or ():
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({**GUEST_ENVIRONMENT, "extra": extra}):
            requirement.marker = None
            found.append(requirement)
    return found


def _installed(folder: Path) -> list[Distribution]:
    return list(distributions(path=[str(folder)]))


def _put(target: Path, entry: Path) -> None:
    """Keep what was installed. Somebody else may have done so meanwhile, which is as good."""
    shutil.rmtree(target / "bin", ignore_errors=True)
    for name in _SUPPLIED:
        for info in target.glob(f"{name.replace('-', '_')}-*.dist-info"):
            shutil.rmtree(info)
    try:
        target.rename(entry)
    except OSError:
        if not entry.is_dir():
            raise


def _copy(entry: Path, into: Path, key: str) -> None:
    stamp = into / _KEY_FILE
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == key:
        return
    if into.exists():
        shutil.rmtree(into)
    shutil.copytree(entry, into)
    stamp.write_text(key, encoding="utf-8")


def _stand_in(name: str, number: str, folder: Path) -> str:
    """A wheel with nothing in it, as a requirement that pip takes before any other of that name."""
    stem = f"{name.replace('-', '_')}-{number}"
    info = f"{stem}.dist-info"
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "".join(f"{info}/{file},,\n" for file in ("METADATA", "WHEEL", "RECORD")))
    return f"{name} @ {wheel.resolve().as_uri()}"


def _note_on(distribution: Distribution) -> Iterator[Fault]:
    if is_made(distribution.read_text("WHEEL") or ""):
        package = f"{distribution.name} {distribution.version}"
        message = f"{package} has native wheels only: it is taken without native code, on its pure-Python fallback"
        yield Fault("DSL306", message, severity="note")


def _native_inside(distribution: Distribution, file: str) -> Fault:
    return Fault(
        "DSL302",
        f"{distribution.name} {distribution.version} holds native code: {os.fspath(file)}",
        hint=f"Only Python runs in the guest. Look for a pure-Python package in place of {distribution.name}.",
    )


def _gone_back(name: str, older: str, number: str, why: Fault) -> Fault:
    return replace(
        why,
        message=f"{name} {number} cannot be had in the guest: {why.message}",
        hint=f"The newest that runs there is {name} {older}. To have it, write {name}<={older} among the dependencies.",
    )
