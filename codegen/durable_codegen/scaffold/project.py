"""A new project: small, and it builds, runs and tests as it is."""

from __future__ import annotations

import keyword
import re
import sys
from typing import TYPE_CHECKING

from durable_codegen.faults import BuildFailed, Fault
from durable_codegen.scaffold.golem import manifest

if TYPE_CHECKING:
    from pathlib import Path

    from durable_codegen.scaffold.golem import Generation

__all__ = ["check_name", "create"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*([-_][A-Za-z0-9]+)*")

# Words that WIT keeps for itself; a package has to be called otherwise.
_WIT_KEYWORDS = frozenset(
    {
        *("as", "async", "bool", "borrow", "char", "constructor", "enum", "export", "f32", "f64", "flags", "from"),
        *("func", "future", "import", "include", "interface", "list", "option", "own", "package", "record"),
        *("resource", "result", "s16", "s32", "s64", "s8", "static", "stream", "string", "tuple", "type", "u16"),
        *("u32", "u64", "u8", "use", "variant", "with", "world"),
    }
)

# What the guest or the test already calls so.
_TAKEN = frozenset({"durable_dsl", "durable_codegen", "durable_host", "durable_wrapper", "wit_world", "wrapt", "notes"})


def check_name(name: str) -> None:
    """Raises BuildFailed if a project cannot be called `name`."""
    module = _module(name)
    reason = None
    if not _NAME.fullmatch(name):
        reason = "a name starts with a letter and holds letters, digits, - and _"
    elif (
        keyword.iskeyword(module) or module in sys.stdlib_module_names or module in _TAKEN or module.startswith("test_")
    ):
        reason = f"a module cannot well be called {module}"
    if reason is not None:
        raise BuildFailed([Fault("DSL405", f"{name!r} cannot be the name of a project", hint=reason)])


def create(name: str, folder: Path, *, wit_first: bool = False, golem: Generation | None = None) -> list[str]:
    """Write the project into `folder`, which must not hold anything yet; the files come back. `wit_first`: with WIT.

    With `golem`, there is a manifest for that generation's command line too.
    """
    check_name(name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BuildFailed(
            [Fault("DSL406", f"{folder} is there already", hint="nothing was written; take another name")]
        )
    module = _module(name)
    kebab = _kebab(name)
    words = {
        "name": name,
        "module": module,
        "kebab": f"{kebab}-notes" if kebab in _WIT_KEYWORDS else kebab,
        "world": f"{kebab}-world",
        "wit_first": wit_first,
    }
    files = {
        "pyproject.toml": "pyproject.toml.jinja",
        f"{module}.py": "app.py.jinja" if wit_first else "first_app.py.jinja",
        f"test_{module}.py": "test_app.py.jinja" if wit_first else "test_first_app.py.jinja",
        "README.md": "README.md.jinja",
        ".gitignore": "gitignore.jinja",
        **({"wit/world.wit": "world.wit.jinja"} if wit_first else {}),
    }
    from durable_codegen.emit.wrapper import template

    texts = {relative: template(f"new/{source}").render(words) for relative, source in files.items()}
    if golem is not None:
        texts["golem.yaml"] = manifest(golem, words)
    for relative, text in texts.items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sorted(texts)


def _module(name: str) -> str:
    return name.replace("-", "_").lower()


def _kebab(name: str) -> str:
    """The name as WIT writes it: each word starts with a letter."""
    words = [f"x{word}" if word[:1].isdigit() else word for word in re.split(r"[-_]", name.lower())]
    return "-".join(words)
