"""The application manifest of a new project: what Golem's own command line needs to build and deploy it.

Each generation of Golem reads another form of golem.yaml. Golem's tool makes the WIT that it will expect of a component
(`wit-generated`) from the project's own, and then runs the build; so the build is given that folder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from durable_codegen.faults import BuildFailed, Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GENERATIONS", "Generation", "generation_named", "manifest"]


@dataclass(frozen=True, slots=True)
class Generation:
    """A line of Golem releases whose tools read one form of manifest."""

    name: str
    template: str
    #: The target whose components its servers run.
    target: str


GENERATIONS: Final[tuple[Generation, ...]] = (
    Generation("1.1", "golem-1.1.yaml.jinja", "golem-1.0"),
    Generation("1.2", "golem-1.2.yaml.jinja", "golem-1.2"),
)


def generation_named(name: str) -> Generation:
    """The generation of that name. Raises BuildFailed for one that cannot run what is built here."""
    for generation in GENERATIONS:
        if generation.name == name:
            return generation
    known = " and ".join(generation.name for generation in GENERATIONS)
    reason = f"there is no manifest for Golem {name}"
    if name == "1.0":
        reason = "Golem 1.0 cannot load what today's componentize-py writes"
    elif name in {"1.3", "1.4", "1.5", "2.0"}:
        reason = f"Golem {name} takes Python components only as agents, which are not built here"
    raise BuildFailed([Fault("DSL407", reason, hint=f"The generations that can be deployed to are {known}.")])


def manifest(generation: Generation, words: Mapping[str, object]) -> str:
    """The text of golem.yaml; `words` are those of a new project's templates."""
    from durable_codegen.emit.wrapper import template

    return template(f"new/{generation.template}").render(words, target=generation.target)
