"""What to say of an app that does not import: where it failed, in the user's own traceback, and what may help."""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_codegen.app.modules import PYTHON_NOTE
from durable_codegen.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Failure", "died", "failed", "hung"]

_HIDES = (
    "a name in the WIT hides one that componentize-py's bindings need, such as a parameter called self or a type "
    "called any, optional, protocol or union: rename it"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """How an import went wrong, as the child says it."""

    type: str
    message: str
    text: str
    file: str | None
    line: int | None
    missing: str | None
    syntax: bool
    exit: bool
    bindings: bool


def failed(failure: Failure, app: str, shown: Callable[[str], str], bindings: Path | None) -> Fault:
    """The fault of an import that raised; what the bindings say of themselves is no fault of the app's."""
    file = shown(failure.file) if failure.file else None
    text = _shown_paths(failure.text, app, shown).rstrip("\n")
    if failure.bindings:
        said = failure.message.partition(" (")[0]
        return Fault("DSL109", f"the bindings of the world do not import: {failure.type}: {said}", hint=_HIDES)
    if failure.syntax:
        return Fault("DSL211", f"syntax error: {failure.message}", file, failure.line, PYTHON_NOTE, detail=text)
    if failure.exit:
        message = "the app ends the process while it is imported"
        hint = 'put what a script does under if __name__ == "__main__":'
        return Fault("DSL210", message, file, failure.line, hint, detail=text)
    what = f"{failure.type}: {failure.message}" if failure.message else failure.type
    if bindings is not None:  # they are in a folder that goes away
        what, text = (re.sub(rf" \({re.escape(str(bindings))}[^)]*\)", "", each) for each in (what, text))
    hint = "the app is imported at build time, with its own modules and dependencies only"
    if bindings is not None and failure.missing and (elsewhere := _in_bindings(failure.missing, bindings)):
        hint = elsewhere
    if "relative import with no known parent" in failure.message:
        hint = "a relative import needs a package: put an __init__.py beside the app, or name the module alone in it"
    if failure.type == "FileNotFoundError":
        hint += "; name data files that stand beside a module in the setting include"
    return Fault("DSL210", f"the app does not import: {what}", file, failure.line, hint, detail=text)


def _in_bindings(missing: str, bindings: Path) -> str:
    """Where the bindings have a module that the app looks for in them; "" if it looks elsewhere."""
    top, _, last = missing.partition(".")[0], *missing.rpartition(".")[1:]
    if top == last or not (bindings / top).is_dir():
        return ""
    modules = sorted(path.relative_to(bindings).with_suffix("") for path in (bindings / top).glob("*ports/*.py"))
    names = [".".join(each.parts) for each in modules if each.name != "__init__"]
    same = [name for name in names if name.rpartition(".")[2] == last]
    return (
        f"the world has it as {' and '.join(same)}" if same else f"the world has {', '.join(names) or 'no interfaces'}"
    )


def hung(output: str, app: str, shown: Callable[[str], str], timeout: float) -> Fault:
    """The fault of an import that does not end; `output` holds where it stood."""
    frames = re.findall(r'File "([^"]+)", line (\d+)', output)
    own = next(((file, int(line)) for file, line in frames if file.startswith(app)), None)
    return Fault(
        "DSL212",
        f"the app was still being imported after {timeout:g} s",
        shown(own[0]) if own else None,
        own[1] if own else None,
        hint="move waiting, servers and endless loops into functions; import-timeout is the setting for the limit",
    )


def died(output: str, status: int) -> Fault:
    """The fault of an import that ended the process."""
    how = f"with status {status}" if status >= 0 else f"by {signal.Signals(-status).name}"
    hint = "something that the app does at import ends the process, such as os._exit"
    return Fault("DSL210", f"the process that imported the app ended {how}", hint=hint, detail=output[-2000:])


def _shown_paths(text: str, app: str, shown: Callable[[str], str]) -> str:
    """A traceback with the app's paths as the user knows them."""
    return re.sub(rf'"({re.escape(app)}[^"]*)"', lambda found: f'"{shown(found[1])}"', text)
