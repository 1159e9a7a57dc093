"""The functions of a protocol class, compiled once: their names in WIT, and how arguments and results are sent."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from durable_dsl.remote.values import codec_of, errors_codec, result_codec
from durable_dsl.results import Err, Ok

if TYPE_CHECKING:
    from collections.abc import Mapping

    from durable_dsl.remote.values import Codec, Nodes

__all__ = ["METHOD", "CompiledMethod", "Declared", "compiled_function", "compiled_methods", "kebab"]

#: The attribute by which a function of a protocol says more than its hints do.
METHOD: Final = "__durable_dsl_method__"
_NONE: Final[tuple[Any, ...]] = (None, type(None), inspect.Signature.empty)


@dataclass(frozen=True, slots=True)
class Declared:
    """What a function of a protocol refuses with, and its name in WIT."""

    raises: tuple[Any, ...] = ()
    name: str | None = None


@dataclass(frozen=True, slots=True)
class CompiledMethod:
    """A function of another worker. `returns` is the codec of its whole result, None where it has none."""

    python: str
    name: str
    signature: inspect.Signature
    parameters: tuple[tuple[str, Codec], ...]
    returns: Codec | None
    raises: tuple[Any, ...]
    is_async: bool

    def written(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Nodes]:
        """The arguments as values. Raises what Python raises for arguments that do not fit."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        params = []
        for name, codec in self.parameters:
            nodes: Nodes = []
            codec.encode(bound.arguments[name], nodes, f"{name} of {self.python}")
            params.append(nodes)
        return params

    def read(self, params: list[Nodes]) -> dict[str, Any]:
        """The arguments that `written` gave, by name: the callee's side."""
        pairs = zip(self.parameters, params, strict=True)
        return {name: codec.decode(nodes, 0) for (name, codec), nodes in pairs}

    def answer(self, result: Any) -> Nodes:
        """What the callee gave, as a value; `result` is an Err, or one of `raises`, where it refused."""
        nodes: Nodes = [("tuple-value", [])]
        if self.returns is not None:
            if self.raises:
                refused = isinstance(result, (Err, *self.exceptions))
                result = result if isinstance(result, Err) else Err(result) if refused else Ok(result)
            nodes[0] = ("tuple-value", [self.returns.encode(result, nodes, f"the result of {self.python}")])
        return nodes

    def result(self, nodes: Nodes) -> Any:
        """The result that a value is, raised where it is a refusal."""
        if self.returns is None:
            return None
        result = self.returns.decode(nodes, nodes[0][1][0])
        if not self.raises:
            return result
        if isinstance(result, Ok):
            return result.value
        value = result.value
        if value is None and self.exceptions:
            value = self.raises[0]()  # it has no fields to send
        raise value if isinstance(value, self.exceptions) else result

    @property
    def exceptions(self) -> tuple[type[BaseException], ...]:
        """The classes of exceptions among `raises`."""
        return tuple(each for each in self.raises if isinstance(each, type) and issubclass(each, BaseException))


_known: Final[dict[type[Any], dict[str, CompiledMethod]]] = {}


def compiled_methods(protocol: type[Any]) -> Mapping[str, CompiledMethod]:
    """The functions of a protocol, by their Python names. Raises TypeError where a hint of it cannot cross."""
    if protocol not in _known:
        _known[protocol] = _methods(protocol)
    return _known[protocol]


def _methods(protocol: type[Any]) -> dict[str, CompiledMethod]:
    found = {}
    for base in reversed(protocol.__mro__):
        for name, function in vars(base).items():
            if inspect.isfunction(function) and not name.startswith("_"):
                found[name] = _compiled(function, f"{protocol.__qualname__}.{name}")
    if not found:
        raise TypeError(f"{protocol.__qualname__} has no methods: write a function of the other component as one")
    return found


def compiled_function(function: Any) -> CompiledMethod:
    """The same of a function that stands by itself. Raises TypeError where a hint of it cannot cross."""
    return _compiled(function, function.__qualname__, list(inspect.signature(function).parameters.values()))


def _compiled(function: Any, shown: str, parameters: list[inspect.Parameter] | None = None) -> CompiledMethod:
    """`parameters` are all but the first where nothing is said."""
    declared: Declared = getattr(function, METHOD, Declared())
    signature = inspect.signature(function)
    if parameters is None:
        _, *parameters = signature.parameters.values()
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(f"{shown}: {error}; import what its hints name outside of TYPE_CHECKING") from error
    for each in parameters:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD) or each.name not in hints:
            raise TypeError(f"{shown}: {each} needs a type hint, and *args and **kwargs cannot cross")
    returns = _returns(hints.get("return"), declared.raises, shown)
    return CompiledMethod(
        python=function.__name__,
        name=declared.name or kebab(function.__name__),
        signature=signature.replace(parameters=parameters),
        parameters=tuple((each.name, codec_of(hints[each.name], f"{each.name} of {shown}")) for each in parameters),
        returns=returns,
        raises=declared.raises,
        is_async=inspect.iscoroutinefunction(function),
    )


def _returns(hint: Any, raises: tuple[Any, ...], shown: str) -> Codec | None:
    value = None if hint in _NONE else codec_of(hint, f"the result of {shown}")
    return result_codec(value, errors_codec(raises, f"raises= of {shown}")) if raises else value


def kebab(name: str) -> str:
    """A Python name as a WIT name: `place_order` and `OrderDesk` as `place-order` and `order-desk`."""
    words = re.sub(r"([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])", r"\1\3_\2\4", name).lower()
    return re.sub(r"[_-]+", "-", words).strip("-")
