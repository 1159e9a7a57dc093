"""What the template of the wrapper is given: classes, and methods as lists of lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from durable_codegen.infer.lifting import HeldClass

__all__ = ["ClassView", "MethodView", "Shape"]

Shape: TypeAlias = Literal["direct", "leaving", "settling"]


@dataclass(frozen=True, slots=True)
class MethodView:
    """A method for the template: lists of lines, unindented but for the signature."""

    signature: list[str]
    shape: Shape
    domain_errors: str
    error_class: str | None
    enter: list[str]
    call: list[str]
    commit_types: str
    commit: list[str]
    leave: list[str]
    result: str | None
    error: str
    #: The line that catches domain errors.
    catch: list[str]
    #: Keeps the domain error as it goes out, with objects of the wrapper for resources.
    settle: list[str]
    #: What is done with the result where there was no domain error.
    otherwise: list[str]
    failure: str
    is_class_method: bool = False


@dataclass(frozen=True, slots=True)
class ClassView:
    """A class of the wrapper; one for a resource holds an object of `app_class`.

    `holding` and `held_in` say whether anything needs the functions of that name.
    """

    name: str
    base: str
    docs: str
    methods: tuple[MethodView, ...]
    app_class: str | None = None
    names: HeldClass | None = None
    holding: bool = False
    held_in: bool = False
