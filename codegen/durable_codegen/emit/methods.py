"""One export as one method: its signature, the statements of its regions, and the call of the app's function.

Three shapes. *direct*: nothing is done after the call. *leaving*: regions are left on a normal return. *settling*: they
are left on domain errors too, so a domain error is kept until they are.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from durable_codegen.emit.decorators import Decorators
from durable_codegen.emit.regions import lower
from durable_codegen.emit.views import MethodView, Shape
from durable_codegen.infer.conversion import Conversion
from durable_codegen.infer.lifting import HeldClass, Lifting
from durable_codegen.infer.world import INTERFACE
from durable_codegen.plan.snapshots import HELPERS, SNAPSHOT
from durable_codegen.source.expressions import call as call_of
from durable_codegen.source.expressions import flat, laid_out, literal, replaced
from durable_codegen.source.layout import BODY, WIDTH, call_lines, comment
from durable_codegen.source.names import camel, python_name, uncamel
from durable_codegen.source.scope import Scope, free
from durable_codegen.world.annotations import annotation, in_parts, is_none

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from durable_codegen.app.modules import Module
    from durable_codegen.discovery.scan import MarkRecord
    from durable_codegen.emit.regions import Region
    from durable_codegen.infer.world import Inferred, InferredFunction
    from durable_codegen.plan.exports import Plan, PlannedFunction, PlannedResource
    from durable_codegen.source.expressions import Expression
    from durable_codegen.world.stubs import ClassStub, MethodStub, StubModule, Stubs

__all__ = ["MethodWriter"]

_BOUNDARY = "durable_dsl.binding.boundary"
#: Regions in which a key that the host gives would be another one on each repeat, or must not be asked for again.
_KEYS_BEFORE = frozenset({"atomic", "persist", "idempotence"})


class MethodWriter:
    """Writes the methods of one wrapper, and gathers what the module has to define beside them."""

    def __init__(
        self,
        plan: Plan,
        stubs: Stubs,
        sources: Mapping[str, Module],
        scope: Scope,
        class_names: Mapping[tuple[str, str], str],
        *,
        watched: bool,
        transacts: bool = False,
        keyed: bool = False,
        exchanges: bool = False,
    ) -> None:
        self._plan = plan
        self._scope = scope
        self._stubs = stubs
        self._watched = watched
        self._transacts = transacts
        self._keyed = keyed
        self._exchanges = exchanges
        self._decorators = Decorators(sources)
        self._names: dict[str, str] = {}
        #: Statements for the module: the app's objects, its functions past their marks, and persistence levels.
        self.instances: list[str] = []
        self.functions: list[str] = []
        self.levels: list[str] = []
        self._held = {
            (each.stub.module.name, each.stub.name): _held_class(each.stub, class_names)
            for planned in plan.interfaces
            for each in planned.resources
        }
        self.lifting = Lifting(stubs, self._held, scope, self._named)
        self.conversion = None if plan.inferred is None else self._conversion(plan.inferred)

    def _conversion(self, inferred: Inferred) -> Conversion:
        """What converts the values of an inferred world."""
        stub = next(each for each in self._plan.interfaces if each.interface.name == INTERFACE).interface
        module = f"{self._stubs.world_module}.exports.{self._stubs.interface_module(stub.id or '')}"
        held = {key: self._held[module, camel(inferred.shapes.names[key])] for key in inferred.resources()}

        def owned(dotted: str, qualname: str) -> str:
            return qualname if dotted == "builtins" else f"{self.app_module(dotted)}.{qualname}"

        return Conversion(inferred.shapes, self._scope, lambda name: self._named(f"{module}.{name}"), owned, held)

    def app_module(self, dotted: str) -> str:
        """The local name of a module of the app."""
        if dotted == self._plan.module:
            return self._scope.module(dotted, "app")
        return self._scope.module(dotted, f"app_{dotted.rpartition('.')[2]}")

    def held_class(self, stub: ClassStub) -> HeldClass:
        """What the wrapper's class for a resource calls its parts."""
        return self._held[stub.module.name, stub.name]

    def view(
        self, planned: PlannedFunction, owner: str, resource: PlannedResource | None, home: StubModule | None
    ) -> MethodView:
        """The method of an export; `owner` is its interface or resource, in WIT, `home` the module of its types."""
        parameters = [name for name, _ in planned.stub.parameters]

        def local(name: str) -> str:
            return free(name, parameters)

        asked = {"watched": self._watched, "transacts": self._transacts}
        regions = [lower(mark, self._scope, local, self._level, **asked) for mark in planned.regions]
        err = self._scope.object("componentize_py_types", "Err") if planned.function.fallible else None
        # What is caught: the app's own exceptions, where it says which; they go out as Err all the same.
        classes = [err] if err else []
        if planned.inferred is not None and self.conversion is not None:
            classes = self.conversion.error_classes(planned.inferred)
        error_class = _types(classes) if classes else None
        atomic = next((region for region in regions if region.is_atomic), None)
        domain_ends = error_class is not None and not (atomic is not None and atomic.commit_on == [])
        leave = [line for region in reversed(regions) for line in self._leaving(region)]
        pending = [*self._closing(), *(self._pending() if self._plan.retries_at_run_time else [])]
        lifted = self._lifted(planned, resource, local("result"))
        shape: Shape = "direct"
        error = self._lifted_error(planned, home, local("domain_error")) if domain_ends else None
        if leave or pending or error:
            shape = "settling" if domain_ends else "leaving"
        commits = bool(atomic and atomic.commit_on)
        at = BODY + 4 if shape == "settling" or commits else BODY
        call, result = self._call(planned, owner, resource, local, at, leaves=shape != "direct", lifted=lifted)
        otherwise: list[str] = []
        if lifted is not None and shape != "direct":
            # Right after the call, where there is a result: a domain error has none.
            lines = laid_out(lifted, at, f"{local('lifted')} = ")
            if planned.inferred is not None and shape == "settling":
                # What does not fit is a failure, even if the exception is of a class that raises= names.
                otherwise = lines
            else:
                call = [*call, *lines]
            result = local("lifted")
        named = local("domain_error") if error is None or local("domain_error") in flat(error) else ""
        ending = f" as {named}:" if named else ":"
        caught = laid_out(literal("(", classes, ")") if len(classes) > 1 else "".join(classes), BODY, "except ", ending)
        return MethodView(
            signature=self._signature(planned),
            shape=shape,
            domain_errors=f"({', '.join(classes)}{',' if len(classes) == 1 else ''})",
            error_class=error_class if domain_ends else None,
            enter=[*self._keys(planned), *(line for region in regions for line in self._entering(region))],
            call=call,
            commit_types=_types(atomic.commit_on or []) if atomic and commits else "",
            commit=[*pending, *atomic.leave] if atomic and commits else [],
            leave=[*pending, *leave],
            result=result,
            error=local("error"),
            catch=caught,
            otherwise=otherwise,
            settle=laid_out(call_of(err or "", [error]), BODY + 4, f"{local('error')} = ")
            if error
            else [f"{local('error')} = {local('domain_error')}"],
            failure=local("failure"),
            is_class_method=planned.stub.receiver == "cls",
        )

    def _signature(self, planned: PlannedFunction) -> list[str]:
        stub = planned.stub
        parameters = [f"{name}: {annotation(node, stub.module, self._named)}" for name, node in stub.parameters]
        returns = "None" if is_none(stub.returns) else annotation(stub.returns, stub.module, self._named)
        lines = call_lines(f"def {stub.name}", [stub.receiver, *parameters], 4, f" -> {returns}:")
        if len(lines) > 1 and len(lines[-1]) + 4 > WIDTH:
            lines[-1:] = laid_out(in_parts(returns), 4, ") -> ", ":")
        return lines

    def _entering(self, region: Region) -> list[str]:
        if not region.enter:
            return []
        first, *rest = region.enter
        return [*self._explained(first, region.mark), *rest]

    def _leaving(self, region: Region) -> list[str]:
        if region.enter:
            return region.leave
        first, *rest = region.leave
        return [*self._explained(first, region.mark), *rest]

    def _explained(self, line: str, mark: MarkRecord) -> list[str]:
        """A statement with the mark that it is for."""
        return comment(line, f"{mark.file}:{mark.line} {self._decorators.text(mark)}", BODY)

    def _keys(self, planned: PlannedFunction) -> list[str]:
        """What begins an invocation's idempotency keys; their base is taken before a region that would change it."""
        if not self._keyed:
            return []
        begin = self._scope.object("durable_dsl.binding.keys", "begin_keys")
        takes = any(mark.kind in _KEYS_BEFORE for mark in planned.regions)
        return [f"{begin}({'take=True' if takes else ''})"]

    def _closing(self) -> list[str]:
        """What closes the exchanges that the app has left open, before the regions are left that they are in."""
        if not self._exchanges:
            return []
        call = self._scope.object(_BOUNDARY, "call")
        close = self._scope.object(_BOUNDARY, "close_exchanges")
        return [f"if {call}.exchanges:", f"    {close}()"]

    def _pending(self) -> list[str]:
        call = self._scope.object(_BOUNDARY, "call")
        restore = self._scope.object(_BOUNDARY, "restore_pending")
        return [f"if {call}.pending:", f"    {restore}()"]

    def _call(
        self,
        planned: PlannedFunction,
        owner: str,
        resource: PlannedResource | None,
        local: Callable[[str], str],
        at: int,
        *,
        leaves: bool,
        lifted: Expression | None,
    ) -> tuple[list[str], str | None]:
        """The statements that call the app, to stand `at` columns in, and the name of what they give, if anything."""
        function, receiver = self._target(planned, owner, resource)
        stub = self._without_self(planned.stub, resource)
        given: list[Expression] = [*receiver]
        given += [self._argument(planned, number, stub) for number in range(len(stub.parameters))]
        arguments = [flat(each) for each in given]
        if planned.function.kind == "constructor":
            return self._construct(planned, function, arguments, resource, at), None
        none = is_none(stub.returns)
        name = local("result")
        returned = not none and not leaves and lifted is None
        before = "return " if returned else "" if none else f"{name} = "
        if planned.calling == "plain":
            lines = laid_out(call_of(function, given), at, before)
        elif planned.calling == "async":
            run = self._scope.object("durable_dsl.binding.eventloop", "run")
            lines = call_lines(f"{before}{run}({function}", arguments, at, ")")
            if len(lines) > 1:
                coroutine = local("coroutine")
                lines = [*call_lines(f"{coroutine} = {function}", arguments, at), f"{before}{run}({coroutine})"]
        else:
            run = self._scope.object("durable_dsl.binding.eventloop", "run")
            iscoroutine = self._scope.object("inspect", "iscoroutine")
            lines = [
                *call_lines(f"{name} = {function}", arguments, at),
                f"if {iscoroutine}({name}):",
                f"    {name} = {run}({name})",
                *([f"return {name}"] if returned else []),
            ]
        if not leaves and lifted is not None:
            lines += laid_out(lifted, at, "return ")
        return lines, None if none or not leaves else name

    def _construct(
        self, planned: PlannedFunction, function: str, arguments: list[str], resource: PlannedResource | None, at: int
    ) -> list[str]:
        assert resource is not None, "only resources have constructors"
        held = self.held_class(resource.stub).held
        if not planned.regions:
            return call_lines(f"self.{held} = {function}", arguments, at)
        # Past the marks of __init__, which are compiled here.
        owner = f"{self.app_module(resource.implementation.owner)}.{resource.implementation.name}"
        return [f"self.{held} = {owner}.__new__({owner})", *call_lines(function, [f"self.{held}", *arguments], at)]

    def _target(self, planned: PlannedFunction, owner: str, resource: PlannedResource | None) -> tuple[str, list[str]]:
        """The expression that is called, and what comes before the arguments."""
        found = planned.implementation
        module = self.app_module(found.owner)
        compiled = bool(planned.implementation.function and planned.implementation.function.marks)
        compiled = compiled and not found.at_run_time
        if resource is not None:
            held = self.held_class(resource.stub).held
            class_name = f"{module}.{found.class_name}"
            if planned.function.kind == "constructor":
                name = self._below(f"{class_name}.__init__", f"{owner}-init") if planned.regions else class_name
                return name, []
            if planned.function.kind == "static":
                path = f"{class_name}.{found.name}"
                return self._below(path, f"{owner}-{planned.function.name}") if compiled else path, []
            if compiled:
                name = self._below(f"{class_name}.{found.name}", f"{owner}-{planned.function.name}")
                return name, [f"self.{held}"]
            return f"self.{held}.{found.name}", []
        path = f"{module}.{found.name}"
        if found.function is not None and found.function.depth:
            path = f"{self._scope.object('durable_dsl.marks.marked', 'shadowed')}({path}, {found.function.depth})"
        if found.class_name is not None:
            path = f"{self._instance(f'{module}.{found.class_name}', found.class_name)}.{found.name}"
        name = f"{owner}-{planned.function.name}" if owner else planned.function.name
        return self._below(path, name, self._helper(planned)) if compiled else path, []

    def _instance(self, class_path: str, class_name: str) -> str:
        """The one object of a class of the app whose methods are exports."""
        if class_path not in self._names:
            name = self._scope.define(f"app_{uncamel(class_name)}")
            self._names[class_path] = name
            self.instances.append(f"{name} = {class_path}()")
        return self._names[class_path]

    def _helper(self, planned: PlannedFunction) -> tuple[str, str]:
        """What gives the function that is called, in its module."""
        function = planned.implementation.function
        marks = function.marks if function is not None else ()
        part = next((str(mark.arguments["part"]) for mark in marks if mark.kind == SNAPSHOT), None)
        return ("durable_dsl.marks.marked", "below_marks") if part is None else ("durable_dsl.snapshots", HELPERS[part])

    def _below(self, path: str, wit: str, helper: tuple[str, str] = ("durable_dsl.marks.marked", "below_marks")) -> str:
        """The function under the marks that are compiled."""
        if path not in self._names:
            below = self._scope.object(*helper)
            name = self._scope.define(python_name(wit))
            self._names[path] = name
            self.functions += call_lines(f"{name} = {below}", [path], 0)
        return self._names[path]

    def _level(self, case: str) -> str:
        """The constant for a persistence level: made once, handed to the host at each call."""
        if case not in self._names:
            name = self._scope.define(uncamel(case.removeprefix("PersistenceLevel_")).upper())
            self._names[case] = name
            self.levels.append(f"{name} = {self._scope.object('durable_host', case)}()")
        return self._names[case]

    def _argument(self, planned: PlannedFunction, number: int, stub: MethodStub) -> Expression:
        name, node = stub.parameters[number]
        if planned.inferred is not None and self.conversion is not None:
            return self.conversion.argument(planned.inferred.params[number], name)
        return self.lifting.value(node, stub.module, name, "in") or name

    def _lifted(self, planned: PlannedFunction, resource: PlannedResource | None, name: str) -> Expression | None:
        if planned.function.kind == "constructor":
            return None
        if planned.inferred is not None and self.conversion is not None:
            return self._converted(planned, planned.inferred, resource, name)
        stub = self._without_self(planned.stub, resource)
        lifted = self.lifting.value(stub.returns, stub.module, name, "out")
        if lifted is not None and resource is not None and "Self" in ast.unparse(planned.stub.returns):
            held = self.held_class(resource.stub)
            return lifted.replace(f"{held.name}.{held.holding}(", f"{planned.stub.receiver}.{held.holding}(")
        return lifted

    def _converted(
        self, planned: PlannedFunction, inferred: InferredFunction, resource: PlannedResource | None, name: str
    ) -> Expression | None:
        assert self.conversion is not None
        shown = planned.implementation.name
        if planned.implementation.class_name is not None:
            shown = f"{planned.implementation.class_name}.{shown}"
        found = self.conversion.result(inferred, shown, name)
        if found is not None and resource is not None and "Self" in ast.unparse(planned.stub.returns):
            held = self.held_class(resource.stub)
            return replaced(found, f"{held.name}.{held.holding}(", f"{planned.stub.receiver}.{held.holding}(")
        return found

    def _lifted_error(self, planned: PlannedFunction, home: StubModule | None, name: str) -> Expression | None:
        if planned.inferred is not None and self.conversion is not None:
            return self.conversion.error(planned.inferred, name)
        if home is None or planned.function.result is None:
            return None
        return self.lifting.error(planned.function.result, home, f"{name}.value")

    def _without_self(self, stub: MethodStub, resource: PlannedResource | None) -> MethodStub:
        """The method with `Self` spelt out, for following types."""
        if resource is None:
            return stub
        rename = _Rename(resource.stub.name)
        parameters = tuple((name, rename.visit(_copy(node))) for name, node in stub.parameters)
        return type(stub)(stub.name, stub.receiver, parameters, rename.visit(_copy(stub.returns)), stub.module)

    def _named(self, dotted: str) -> str:
        """The local spelling of a dotted name of the bindings, of typing or of the standard library."""
        owner, _, name = dotted.rpartition(".")
        if owner.startswith(f"{self._stubs.world_module}."):
            kind = owner.split(".")[-2]
            last = owner.rpartition(".")[2]
            return f"{self._scope.module(owner, last, f'{last}_{kind}')}.{name}"
        return self._scope.object(owner, name)


def _held_class(stub: ClassStub, class_names: Mapping[tuple[str, str], str]) -> HeldClass:
    taken = set(stub.methods)
    name = class_names[stub.module.name.rpartition(".")[2], stub.name]
    return HeldClass(name, free("held", taken), free("holding", taken), free("held_in", taken))


class _Rename(ast.NodeTransformer):
    def __init__(self, name: str) -> None:
        self._name = name

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self._name, ast.Load()) if node.id == "Self" else node


def _types(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"({', '.join(names)})"


def _copy(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body
