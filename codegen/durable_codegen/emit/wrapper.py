"""The generated Python: the wrapper, the host module, and what componentize-py needs beside them.

The wrapper is one class per exported interface and one method per export, straight lines in which the order of regions
can be seen. Everything is decided here and in the plan; the templates only lay it out. The same plan gives the same
text, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from durable_codegen.app.libraries import GENERATED as LIBRARIES
from durable_codegen.app.libraries import libraries_in_use
from durable_codegen.emit.methods import MethodWriter
from durable_codegen.emit.views import ClassView
from durable_codegen.plan.words import asks_for_keys, mentions_sleep, transacts
from durable_codegen.source.expressions import laid_out, literal
from durable_codegen.source.layout import indented
from durable_codegen.source.literals import docstring, in_docstring, quoted
from durable_codegen.source.names import camel
from durable_codegen.source.outputs import MARK, check_generated
from durable_codegen.source.scope import Scope, from_import
from durable_codegen.world.features import CONTINUING, TELLING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import jinja2

    from durable_codegen.app.modules import Module
    from durable_codegen.plan.exports import Plan, PlannedResource
    from durable_codegen.world.compose import Composed
    from durable_codegen.world.stubs import Stubs

__all__ = ["WRAPPER", "Header", "emit", "template", "write"]

#: The module that componentize-py is given as the app.
WRAPPER = "durable_wrapper"
HOST = "durable_host"
LATE = "durable_late"
#: The features whose exchanges have to be closed at the end of an export.
EXCHANGING = frozenset({"durable_dsl.http", "durable_dsl.remote"})
_HEAD = 1000
#: What replaces time.sleep, before the app is imported.
SLEEPING = "durable_dsl.binding.sleeping"

# What a method's own variables are called; nothing of the module may be called so.
_LOCALS = (
    *("self", "cls", "policy", "region", "level", "idempotent", "changed", "result", "lifted", "coroutine"),
    *("error", "domain_error", "failure", "item", "item1", "item2", "item3"),
    *("key", "key1", "key2", "value", "found", "what"),
)


@dataclass(frozen=True, slots=True)
class Header:
    """What the first lines of a generated file say."""

    version: str
    source: str
    digest: str


def emit(
    plan: Plan,
    composed: Composed,
    stubs: Stubs,
    sources: Mapping[str, Module],
    header: Header,
    *,
    late: Sequence[str] = (),
    components: Mapping[str, str] | None = None,
    overlapping: bool = False,
) -> dict[str, str]:
    """The generated files, by name.

    `components` are those that the settings know the UUIDs of, and `overlapping` is what they say of requests.
    """
    writer = _WrapperWriter(plan, composed, stubs, sources)
    files = {f"{WRAPPER}.py": writer.text(header, late), f"{HOST}.py": _host(composed, stubs, header)}
    for feature in composed.features:
        modules = {name: _imported(composed, interface) for name, interface in feature.interfaces.items()}
        files[f"{feature.generated}.py"] = template(feature.template).render(
            header=header,
            components=dict(sorted((components or {}).items())),
            overlapping=overlapping,
            exports=_continued(plan) if CONTINUING in composed.words else {},
            **modules,
        )
    libraries = libraries_in_use(sources)
    if libraries is not None:
        files[f"{LIBRARIES}.py"] = template("libraries.py.jinja").render(header=header, libraries=libraries)
    if late:
        files[f"{LATE}.py"] = template("late.py.jinja").render(header=header, late=late)
    files |= writer.resource_modules(header)
    return dict(sorted(files.items()))


def write(files: Mapping[str, str], folder: Path) -> None:
    """Write the files into a folder, and take out of it what an earlier build wrote there and this one does not."""
    folder.mkdir(parents=True, exist_ok=True)
    check_generated(folder / name for name in files)
    for old in folder.glob("*.py"):
        if old.name not in files and MARK in old.read_text(encoding="utf-8", errors="replace")[:_HEAD]:
            old.unlink()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")


class _WrapperWriter:
    def __init__(self, plan: Plan, composed: Composed, stubs: Stubs, sources: Mapping[str, Module]) -> None:
        self._plan = plan
        self._composed = composed
        self._stubs = stubs
        # A sleep in a region has to be told of the region.
        self._sleeps = "mark-begin-operation" in composed.words and mentions_sleep(sources.values())
        self._transacts = transacts(sources.values())
        parameters = {name for _, each in plan.functions() for name, _ in each.stub.parameters}
        self._class_names = self._names_of_classes()
        reserved = {*parameters, *_LOCALS, *self._class_names.values()}
        self._scope = Scope(reserved)
        self._methods = MethodWriter(
            plan,
            stubs,
            sources,
            self._scope,
            self._class_names,
            watched=self._watched(),
            transacts=self._transacts,
            keyed=asks_for_keys(sources.values()),
            exchanges=any(each.module in EXCHANGING and each.interfaces for each in composed.features),
        )

    def text(self, header: Header, late: Sequence[str]) -> str:
        classes = list(self._classes())
        conversion = self._methods.conversion
        typing = {"any": "Any", "self": "Self"}
        if any(view.holding for view in classes):
            typing = {key: self._scope.object("typing", name) for key, name in typing.items()}
        domain_errors = {view.domain_errors for each in classes for view in each.methods}
        boundary = {
            name: self._scope.object("durable_dsl.binding.boundary", name) for name in ("call", "fail", "keep_sources")
        }
        return template("wrapper.py.jinja").render(
            header=header,
            world=f"{self._plan.world.package}/{self._plan.world.name}",
            target=self._plan.target.name,
            late=LATE if late else None,
            sleeping=SLEEPING if self._sleeps else None,
            imports=self._scope.imports(),
            levels=self._methods.levels,
            instances=self._methods.instances,
            functions=self._methods.functions,
            inferred=conversion is not None,
            tables=[] if conversion is None else conversion.tables,
            helpers=[*self._methods.lifting.helpers, *([] if conversion is None else conversion.helpers)],
            typing=typing,
            # Where all exports agree, it is said once.
            setting={text: _setting(boundary["call"], text, 8) for text in domain_errors},
            domain_errors=_setting(boundary["call"], next(iter(domain_errors)), 0) if len(domain_errors) == 1 else None,
            no_errors=domain_errors == {"()"},
            classes=classes,
            **boundary,
        )

    def resource_modules(self, header: Header) -> dict[str, str]:
        """The modules in which componentize-py looks for the classes of resources."""
        files = {}
        for planned in self._plan.interfaces:
            if planned.resources and planned.interface.id is not None:
                module = self._composed.export_modules[planned.interface.id]
                names = {self._class_names[module, each.stub.name]: each.stub.name for each in planned.resources}
                files[f"{module}.py"] = template("resources.py.jinja").render(
                    header=header,
                    interface=planned.interface.id,
                    imports=from_import(WRAPPER, names),
                    names=sorted(names.values()),
                )
        return files

    def _names_of_classes(self) -> dict[tuple[str, str], str]:
        """Module and class of a resource in the bindings → the wrapper's class; with "" that of an interface."""
        names: dict[tuple[str, str], str] = {}
        for planned in self._plan.interfaces:
            interface = planned.interface.id
            module = "" if interface is None else self._composed.export_modules[interface]
            own = self._composed.world_class if interface is None else self._composed.export_class(interface)
            names[module, ""] = own
        for planned in self._plan.interfaces:
            if planned.interface.id is not None:
                module = self._composed.export_modules[planned.interface.id]
                for resource in planned.interface.resources:
                    short = camel(resource)
                    taken = short in names.values()
                    names[module, short] = f"{camel(module)}{short}" if taken else short
        return names

    def _classes(self) -> Sequence[ClassView]:
        views: list[ClassView] = []
        for planned in self._plan.interfaces:
            interface = planned.interface.id
            module = "" if interface is None else self._composed.export_modules[interface]
            views += [self._resource(each) for each in planned.resources]
            if planned.functions and planned.stub is not None:
                if interface is None:
                    base = f"{self._scope.module(self._stubs.world_module)}.{planned.stub.name}"
                    docs = f"The functions of the world {self._plan.world.name}."
                else:
                    base = f"{self._scope.module(f'{self._stubs.world_module}.exports')}.{planned.stub.name}"
                    docs = f"The interface {interface}."
                name = "" if interface is None else self._stubs.known_as(interface)
                home = self._stubs.module(f"{self._stubs.world_module}.exports.{module}") if interface else None
                methods = tuple(self._methods.view(each, name, None, home) for each in planned.functions)
                views.append(ClassView(self._class_names[module, ""], base, docs, methods))
        # Only now is it known of which resources objects are exchanged.
        used = self._methods.lifting.used | (self._methods.conversion.used if self._methods.conversion else set())
        return [
            replace(
                view,
                holding=(view.names.name, view.names.holding) in used,
                held_in=(view.names.name, view.names.held_in) in used,
            )
            if view.names
            else view
            for view in views
        ]

    def _resource(self, planned: PlannedResource) -> ClassView:
        base = f"{self._scope.module(planned.stub.module.name)}.{planned.stub.name}"
        names = self._methods.held_class(planned.stub)
        home = planned.stub.module
        methods = tuple(self._methods.view(each, planned.name, planned, home) for each in planned.functions)
        app = self._methods.app_module(planned.implementation.owner)
        return ClassView(
            names.name,
            base,
            f"The resource {planned.name}: holds the app's object.",
            methods,
            app_class=f"{app}.{planned.implementation.name}",
            names=names,
        )

    def _watched(self) -> bool:
        """Whether anything in the component asks which atomic regions are open: a rewind, a sleep, a transaction …"""
        return (
            bool({"set-oplog-index", "await-promise"} & set(self._composed.words))
            or self._sleeps
            or self._transacts
            or any(each.calling != "plain" for _, each in self._plan.functions())
        )


def _continued(plan: Plan) -> dict[str, tuple[str, str]]:
    """What `continue_as_new` may be given: the app's function, and the interface and the name that it has in WIT."""
    found = {}
    for planned in plan.interfaces:
        for each in planned.functions:
            by = each.implementation
            if by.class_name is None and each.function.result is None:
                found[f"{by.owner}:{by.name}"] = (planned.interface.id or "", each.function.name)
    return dict(sorted(found.items()))


def _setting(call: str, classes: str, at: int) -> list[str]:
    """The statement that says what the domain errors are; `classes` is a tuple as text."""
    inside = classes[1:-1]
    if inside.endswith(",") or not inside:
        return [f"{call}.domain_errors = {classes}"]
    return laid_out(literal("(", inside.split(", "), ")"), at, f"{call}.domain_errors = ")


def _host(composed: Composed, stubs: Stubs, header: Header) -> str:
    """The host module: what is imported of golem:api/host, what the event loop waits with, and what tells of types."""
    blocks: list[list[str]] = []
    names: list[str] = []
    if composed.host_module is not None:
        dotted = f"{composed.world_module}.imports.{composed.host_module}"
        module = stubs.module(dotted)
        assert module is not None, f"{dotted} is not in the bindings"
        public = module.reached_from_functions()
        if public:
            blocks.append(from_import(dotted, {name: name for name in public}))
            names += public
    clock: list[str] = []
    if composed.event_loop or "poll-promise" in composed.words:
        clock.append("subscribe_duration")
        blocks.append(from_import(_imported(composed, "wasi:io/poll"), {"poll": "poll"}))
        names.append("poll")
    if TELLING & set(composed.words):
        clock.append("subscribe_instant")
    if clock:
        blocks.append(from_import(_imported(composed, "wasi:clocks/monotonic-clock"), {name: name for name in clock}))
        names += clock
    blocks.sort(key=lambda lines: lines[0].split()[1].lower())
    lines = [line for block in blocks for line in block]
    return template("host.py.jinja").render(header=header, target=composed.target, imports=lines, names=sorted(names))


def _imported(composed: Composed, interface: str) -> str:
    """The bindings module of an interface that the build itself has added to the world."""
    found = composed.module_of_import(interface)
    assert found is not None, f"the world imports {interface}"
    return f"{composed.world_module}.imports.{found}"


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("durable_codegen"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - what is written is Python, not HTML
    )
    environment.filters |= {"docstring": docstring, "in_docstring": in_docstring, "quoted": quoted}
    environment.filters["block"] = lambda lines, by: "\n".join(indented(lines, by))
    return environment


def template(name: str) -> jinja2.Template:
    """A template of this package."""
    return _environment().get_template(name)
