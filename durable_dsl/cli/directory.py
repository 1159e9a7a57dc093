"""`durable-dsl data`: what a data directory takes up, and giving back what nobody needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durable_dsl.cli.data import add_data_option, add_json_option, opened
from durable_dsl.cli.terminal import console, retaining

if TYPE_CHECKING:
    import argparse

    from durable_dsl.engine.api import Engine
    from durable_dsl.engine.retention.policy import Dropping

_ACTIONS = {
    "show": "show what takes up how much: files, tables, workers, components",
    "prune": "remove what nobody needs, and what is older than the retention settings say",
    "compact": "write the database anew without the space that is free in it",
}


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    for name, summary in _ACTIONS.items():
        action = actions.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        add_data_option(action)
        add_json_option(action)
        if name == "prune":
            retaining.configure(action)


def run(arguments: argparse.Namespace) -> int:
    verbs = {"show": _show, "prune": _prune, "compact": _compact}
    with opened(arguments, reads=arguments.action == "show", makes=False) as engine:
        return verbs[arguments.action](engine, arguments)


def _show(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.retention.upkeep import sizes

    found = sizes(engine)
    if arguments.json:
        console.print_json(found)
        return console.OK
    files = [(name, _amount(found[name])) for name in ("database", "log", "free")]
    console.out(console.table(files, ("FILE", "SIZE")))
    console.out("\n" + console.table(list(found["tables"].items()), ("TABLE", "ROWS")))
    for what, counted in (("workers", ("component", "entries")), ("components", ("builds", "workers"))):
        if found[what]:
            rows = [(one["name"], *(one[name] for name in counted), _amount(one["bytes"])) for one in found[what]]
            headers = (what[:-1].upper(), *(name.upper() for name in counted), "SIZE")
            console.out("\n" + console.table(rows, headers))
    return console.OK


def _prune(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.retention.upkeep import prune

    left = prune(engine, retaining.retention(arguments), dry_run=arguments.dry_run)
    if arguments.json:
        console.print_json({**left.as_json(), "removed": not arguments.dry_run})
        return console.OK
    for one in left.by_age.left:
        console.note(f"worker {one.worker} is let alone: {one.reason}")
    lines = [_dropped(one) for one in left.by_age.workers]
    lines += [f"component {name}" for name in left.components]
    lines += [str(path) for path in left.files]
    lines += [f"{left.payloads} long texts that nothing refers to"] if left.payloads else []
    if not left.alone:
        console.note("another process uses the directory: components and their builds stay")
    if lines:
        console.out("\n".join(lines))
    said = "would be removed" if arguments.dry_run else "removed"
    amount = f"{_amount(left.bytes)} of files and long texts {said}" if left.bytes else said
    console.note(amount if lines else "nothing to remove")
    return console.OK


def _dropped(one: Dropping) -> str:
    """A line for what a worker loses."""
    if one.purged:
        return f"worker {one.worker}, {one.entries} entries"
    copies = f", copied to {one.archive}" if one.archive else ""
    return f"{one.entries} of the entries 2 to {one.upto} of worker {one.worker}{copies}"


def _compact(engine: Engine, arguments: argparse.Namespace) -> int:
    from durable_dsl.engine.retention.upkeep import compact

    before, after = compact(engine)
    facts: dict[str, Any] = {"before": before, "after": after}
    if arguments.json:
        console.print_json(facts)
    else:
        console.note(f"the database took {_amount(before)}, and takes {_amount(after)} now")
    return console.OK


def _amount(size: int) -> str:
    """A number of bytes for people."""
    amount = float(size)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{size} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
