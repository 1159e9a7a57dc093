"""Which functions of golem:api/host a component needs: those of the words in use, and those it calls by hand.

Everything that the component does not need is trimmed from the interface, because componentize-py turns each function
of an imported interface into an import. So a use that cannot be made out for certain counts.
"""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from durable_codegen.app.libraries import imported_modules
from durable_codegen.app.modules import Module, Root, parse
from durable_codegen.app.usage import REPEATING, WORDS, Usage
from durable_codegen.plan.promises import LOOKING, PROMISES, looks_at_promises
from durable_codegen.world.features import CONTINUING, FEATURES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from durable_codegen.world.features import Feature

__all__ = [
    "HostWords",
    "asks_for_keys",
    "by_hand",
    "features_in_use",
    "mentioning",
    "mentions_sleep",
    "transacts",
    "words_in_use",
]

#: The option of durable_dsl.http that may be True.
_KEY = "idempotency_key"

#: Names of functions of golem:api/host, as in WIT.
HostWords: TypeAlias = frozenset[str]


def words_in_use(modules: Iterable[Module]) -> HostWords:
    """The host functions that the DSL's words in these modules need."""
    modules = list(modules)
    words = {word for module in modules for word in Usage(module).words()}
    if "transaction" in words and any(Usage(module).may_repeat() for module in modules):
        words.add(REPEATING)
    found = {function for word in words for function in WORDS[word]}
    if asks_for_keys(modules):
        found.update(WORDS[_KEY])
    if any("continue_as_new" in Usage(module).members("durable_dsl.remote") for module in modules):
        found.add(CONTINUING)
    return frozenset(found | (LOOKING if words & PROMISES and looks_at_promises(modules) else set()))


def features_in_use(modules: Iterable[Module], reached: Mapping[str, Module]) -> tuple[Feature, ...]:
    """The features that any of these modules can reach, or that libraries among what the app reaches stand on.

    Where no more is reached of one than what only declares something, it is there without its interfaces.
    """
    usages = [Usage(module) for module in modules]
    imported = imported_modules(reached)
    found = []
    for each in FEATURES:
        using = [usage for usage in usages if usage.reaches(each.module)]
        if imported & each.libraries or any(_asks_the_host(each, usage) for usage in using):
            found.append(each)
        elif using:
            found.append(replace(each, interfaces={}))
    return tuple(found)


def _asks_the_host(feature: Feature, usage: Usage) -> bool:
    return not feature.declaring or bool(usage.members(feature.module) - feature.declaring)


def transacts(modules: Iterable[Module]) -> bool:
    """Whether any of the modules can open a transaction, which asks what it is opened in."""
    return any("transaction" in Usage(module).words() for module in modules)


def asks_for_keys(modules: Iterable[Module]) -> bool:
    """Whether any of the modules has `idempotency_key=True` in it, as an argument or in a dict of options."""
    return any(_is_key_asked_for(node) for module in modules for node in ast.walk(module.tree))


def _is_key_asked_for(node: ast.AST) -> bool:
    if isinstance(node, ast.keyword):
        return node.arg == _KEY and _is_true(node.value)
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return any(isinstance(key, ast.Constant) and key.value == _KEY and _is_true(value) for key, value in pairs)
    return False


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def mentioning(folder: Path) -> list[Module]:
    """The modules of the vendored packages that mention durable_dsl; most never do, and are not even parsed."""
    modules = []
    root = Root(folder, "vendored")
    for path in sorted(folder.rglob("*.py")):
        if b"durable_dsl" in path.read_bytes():
            name = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
            module = parse(name, path, root, is_package=path.name == "__init__.py")
            if isinstance(module, Module):
                modules.append(module)
    return modules


def mentions_sleep(modules: Iterable[Module]) -> bool:
    """Whether any of the modules may call `time.sleep`."""
    return any("sleep" in _names(node) for module in modules for node in ast.walk(module.tree))


def by_hand(modules: Iterable[Module], functions: Iterable[str]) -> HostWords:
    """Which of golem:api/host's `functions` the modules may call themselves, through their bindings.

    A function is in if its Python name appears anywhere as a name, an attribute or a text. A star import from the
    interface, and a computed attribute of it, take in all of them.
    """
    known = {_snake(name): name for name in functions} | {_camel(name): name for name in functions}
    found: set[str] = set()
    for module in modules:
        hosts = {
            local
            for each in module.imports
            for local, target in each.bound
            if _is_host(target) or (local == "*" and _is_host(each.module))
        }
        if "*" in hosts:
            return frozenset(known.values())
        for node in ast.walk(module.tree):
            if _computed(node, hosts):
                return frozenset(known.values())
            found.update(known[name] for name in _names(node) if name in known)
    return frozenset(found)


def _names(node: ast.AST) -> tuple[str, ...]:
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        return (node.attr,)
    if isinstance(node, ast.alias):
        return (node.name.rpartition(".")[2],)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    return ()


def _is_host(module: str) -> bool:
    """Whether a module may be the bindings of golem:api/host: its name depends on what else the world imports."""
    return re.search(r"\.imports\.(\w*_)?host(_\w*)?$", module) is not None


def _computed(node: ast.AST, hosts: set[str]) -> bool:
    """Whether `node` takes an attribute of the interface by a name that is only known when it runs."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) >= 1):
        return False
    base = ast.unparse(node.args[0])
    if base not in hosts and not _is_host(base):
        return False
    if node.func.id == "getattr":
        return len(node.args) < 2 or not isinstance(node.args[1], ast.Constant)
    return node.func.id in {"vars", "dir"}


def _snake(name: str) -> str:
    return name.replace("-", "_")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
