"""The options of `durable-dsl data prune`, over what the project's `[tool.durable-dsl.retention]` says.

The project is that of the working directory. What the file says of `archive` is relative to the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from durable_dsl.engine.retention.policy import Retention


def configure(parser: argparse.ArgumentParser) -> None:
    from durable_codegen.project.ages import AGES

    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    for name, what in AGES.items():
        parser.add_argument(f"--{name}", metavar="AGE", help=f"keep {what} for so long: 12h, 30d, or never")
    parser.add_argument("--archive", metavar="DIR", help="copy entries there before they are dropped")


def retention(arguments: argparse.Namespace) -> Retention:
    """What is kept for how long. Raises CommandError for what is wrong with the options or the file."""
    from durable_codegen.project.ages import AGES, ARCHIVE, TAKES, WrongAge, parse
    from durable_dsl.engine.retention.policy import Retention

    said, root = _of_project()
    ages: dict[str, int | None] = {}
    for name in AGES:
        option = getattr(arguments, name)
        try:
            ages[name] = parse(str(said.get(name, "never")) if option is None else option)
        except WrongAge:
            raise console.CommandError(f"--{name} is {option!r}", f"--{name} takes {TAKES}", console.USAGE) from None
    folder = Path(arguments.archive).absolute() if arguments.archive else None
    if folder is None and said.get(ARCHIVE):
        folder = root / str(said[ARCHIVE])
    return Retention(**ages, archive=folder)


def _of_project() -> tuple[Mapping[str, Any], Path]:
    """The table, and the folder of its file; nothing where there is no project."""
    from durable_codegen.project.ages import faults_in
    from durable_codegen.project.pyproject import find_project

    here = Path.cwd()
    project = find_project(here)
    if project is None:
        return {}, here
    table = project.table.get("retention", {})
    if not isinstance(table, dict):
        raise console.CommandError("DSL402: tool.durable-dsl.retention is not a table", "write it as a table")
    faults = [*project.faults, *faults_in(table)]
    if faults:
        said = "; ".join(f"{one.code}: {one.message}" for one in faults)
        raise console.CommandError(f"{project.file}: {said}", faults[0].hint or "nothing was removed")
    return table, project.root
