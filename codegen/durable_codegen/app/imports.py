"""Does the guest have what the app imports? And what has to be imported early because the app imports it late?

Every import of the app's modules is checked, those inside functions too, against the app, its vendored packages and
the guest's standard library. In a vendored package only imports count that are certain to be carried out. A missing
module is reported where the user's own code leads to it, with the way there.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from durable_codegen.app.guest import GuestPython, guest_python
from durable_codegen.app.libraries import supplied
from durable_codegen.app.modules import find
from durable_codegen.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from durable_codegen.app.modules import Import, Module, Root

__all__ = ["ImportCheck", "check_imports"]

#: Modules that the build puts into every guest.
SUPPORT = frozenset({"durable_dsl", "wrapt", "durable_host"})
_TOOLS_OWN = frozenset(
    {"componentize_py_types", "componentize_py_runtime", "componentize_py_async_support", "poll_loop"}
)

_ENCODING = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{1,24}")


@dataclass(frozen=True, slots=True)
class ImportCheck:
    """The faults, the modules to import at build time, and the names (first parts) of modules that are missing."""

    faults: tuple[Fault, ...]
    late: tuple[str, ...]
    missing: frozenset[str]


def check_imports(
    start: str, modules: Mapping[str, Module], roots: Sequence[Root], *, provided: frozenset[str]
) -> ImportCheck:
    """Check what `modules` import, the app being `start`.

    `modules` are those of the app and its vendored packages that are reachable; `provided` are further first parts
    of names that the guest has, those of the generated bindings. A stand-in for `ssl` is there where it is imported.
    """
    checker = _Checker(modules, roots, provided | supplied(modules))
    faults = tuple(checker.faults(start))
    missing = frozenset(name.partition(".")[0] for name in checker.missing)
    return ImportCheck(faults, tuple(sorted(checker.late())), missing)


class _Checker:
    def __init__(self, modules: Mapping[str, Module], roots: Sequence[Root], provided: frozenset[str]) -> None:
        self._modules = modules
        self._roots = roots
        self._provided = provided | SUPPORT | _TOOLS_OWN
        self._guest: GuestPython = guest_python()
        self._loadable: dict[str, bool] = {}
        self.missing: set[str] = set()

    def exists(self, name: str) -> bool:
        """Whether the guest finds the module, whether or not it then loads."""
        if name in self._modules or self._guest.has(name) or name.partition(".")[0] in self._provided:
            return True
        return not self._guest.is_stdlib(name) and find(name, self._roots) is not None

    def loads(self, name: str) -> bool:
        """Whether all that importing the module is certain to import exists."""
        if name not in self._modules:
            return self.exists(name)
        if name not in self._loadable:
            self._loadable[name] = True  # an import cycle is no obstacle
            self._loadable[name] = all(self.loads(each.module) for each in _certain(self._modules[name]))
        return self._loadable[name]

    def faults(self, start: str) -> Iterator[Fault]:
        """A fault for each missing module and place, found by following imports from the app on, nearest first."""
        ways: dict[str, tuple[tuple[Module, Import], ...]] = {}
        seen: set[tuple[str, int, str]] = set()
        own = [name for name in self._modules if self._modules[name].root.kind == "app"]
        # What is reached from the app has a way to show; what only a guarded import leads to is looked at by itself.
        for beginning in [start, *own]:
            waiting = [] if beginning in ways else [beginning]
            ways.setdefault(beginning, ())
            for name in waiting:
                for way, each in self._steps(name, ways[name]):
                    if self.exists(each.module):
                        fresh = [candidate for candidate in self._loaded_by(each) if candidate not in ways]
                        ways.update(dict.fromkeys(fresh, way))
                        waiting += fresh
                    elif not each.guarded:
                        fault = self._fault(way, each.module)
                        key = (fault.file or "", fault.line or 0, each.module)
                        if key not in seen:
                            seen.add(key)
                            yield fault

    def _steps(
        self, name: str, way: tuple[tuple[Module, Import], ...]
    ) -> Iterator[tuple[tuple[tuple[Module, Import], ...], Import]]:
        module = self._modules.get(name)
        if module is not None:
            for each in module.imports if module.root.kind == "app" else _certain(module):
                yield (*way, (module, each)), each

    def late(self) -> set[str]:
        """The modules to import at build time: what is imported late, by the app, its packages and the library."""
        early: set[str] = set()
        late: set[str] = set()
        for module in self._modules.values():
            for each in module.imports:
                (late if each.late else early).update(filter(self.exists, each.candidates))
            late.update(self._encodings(module))
        for name in early | late:
            late.update(self._guest.imported_late_by(name))
        own = self._provided - {"durable_dsl"}
        return {
            name
            for name in late - early - self._guest.started
            if name.partition(".")[0] not in own and self.loads(name)
        }

    def _loaded_by(self, each: Import) -> Iterator[str]:
        if each.guarded:
            return
        parts = each.module.split(".")
        for count in range(1, len(parts) + 1):
            yield ".".join(parts[:count])
        for candidate in each.candidates[1:]:
            if candidate in self._modules:
                yield candidate

    def _fault(self, way: tuple[tuple[Module, Import], ...], missing: str) -> Fault:
        self.missing.add(missing)
        # Where the user can act: the last place on the way that is in the app.
        at, each = next(step for step in reversed(way) if step[0].root.kind == "app")
        chain = " imports ".join([*(f"{module.file}:{found.line}" for module, found in way), missing])
        return Fault(
            "DSL301",
            f"{missing} is not there in the guest: {self._why(missing)}",
            at.file,
            each.line,
            hint=self._advice(missing, vendored=way[-1][0].root.kind != "app"),
            detail=chain,
        )

    def _why(self, missing: str) -> str:
        if not self._guest.is_stdlib(missing):
            return "it is no dependency of the project and no module of the app"
        lacking = self._guest.missing.get(missing, missing)
        version = self._guest.version.rpartition(".")[0]
        without = f" (it needs {lacking})" if lacking not in {missing, ""} else ""
        return f"Python {version} on WASI does not have it{without}"

    def _advice(self, missing: str, *, vendored: bool) -> str:
        top = missing.partition(".")[0]
        if not self._guest.is_stdlib(missing):
            return f"add {top} to dependencies in pyproject.toml, or guard the import with try … except ImportError"
        if vendored:
            return "use another package, or a version of it that does without"
        return "do without it in the component, or guard the import with try … except ImportError"

    def _encodings(self, module: Module) -> Iterator[str]:
        """The encodings whose names stand in the source as texts: codecs are imported when they are first used."""
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _ENCODING.fullmatch(node.value):
                found = self._guest.encoding(node.value)
                if found is not None:
                    yield found


def _certain(module: Module) -> Iterator[Import]:
    """The imports that are carried out whenever the module is imported."""
    return (each for each in module.imports if not (each.late or each.guarded or each.conditional))
