"""An explanation as text: a heading per export, its regions in words, and a table with a row for each effect."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["as_text", "numbered"]

#: A column narrower than this is hard to read: what would stand in it goes below its row.
_NARROWEST: Final = 40
#: No terminal is narrower.
_LEAST: Final = 20
#: Of a way to an effect this many places are shown.
_LONGEST: Final = 4


def as_text(exports: Iterable[dict[str, Any]], *, color: bool = False, width: int | None = None) -> str:
    """All exports, with an empty line between, and a line that says how to read the tables.

    `width`: no line of a table is longer. The last column is wrapped, or goes below its row where little room is left.
    """
    listed = list(exports)
    blocks = [_export(each, color=color, width=width) for each in listed]
    if any(each["steps"] for each in listed):
        told = "again: the effects, by number, that are done again if the process dies in this one."
        blocks.append("\n".join(_wrapped(told, width, "")))
    return "\n\n".join(blocks)


def _export(export: dict[str, Any], *, color: bool, width: int | None) -> str:
    name = f"\x1b[1m{export['name']}\x1b[0m" if color else export["name"]
    lines = [f"{name}  {export['file']}:{export['line']}"]
    lines += [line for sentence in export["summary"] for line in _wrapped(sentence, width, "  ")]
    if export["regions"]:
        lines += ["", *_columns([_region(each, export) for each in export["regions"]], width)]
    if export["steps"]:
        headers = ["", "line", "effect", "inside", "how often", "again", "after a crash here"]
        lines += ["", *_columns([headers, *(_step(each, export) for each in export["steps"])], width)]
    if export["compensations"]:
        lines.append("")
        lines += _columns([_compensation(each, export) for each in export["compensations"]], width)
    if export["not_followed"]:
        calls = ", ".join(f"{each['call']} ({_place(each, export)})" for each in export["not_followed"][:8])
        more = ", …" if len(export["not_followed"]) > 8 else ""
        lines += ["", *_wrapped(f"not looked into: {calls}{more}", width, "  ")]
    return "\n".join(lines)


def _region(region: dict[str, Any], export: dict[str, Any]) -> list[str]:
    return [_place(region, export), region["text"], region["says"]]


def _step(step: dict[str, Any], export: dict[str, Any]) -> list[str]:
    after = step["after_crash"]
    if step["undone_by"]:
        after += f"; undone by {step['undone_by']}"
    again = numbered(step["again"]) or "–"
    inside = " > ".join(step["inside"]) or "–"
    return [str(step["number"]), _way(step, export), step["what"], inside, step["how_often"], again, after]


def _compensation(each: dict[str, Any], export: dict[str, Any]) -> list[str]:
    if each["undo"] is None:
        return [_place(each, export), each["operation"], "has an undo that cannot be seen from here"]
    undo = {"file": each["undo_file"], "line": each["undo_line"]}
    effects = ", ".join(f"{effect['what']}, {effect['how_often']}" for effect in each["effects"])
    says = f"undone by {each['undo']} (line {_place(undo, export)})" + (f": {effects}" if effects else "")
    return [_place(each, export), each["operation"], says]


def _way(step: dict[str, Any], export: dict[str, Any]) -> str:
    """The lines that lead to an effect: that of the call in the export, and so on; long ways without their middle."""
    places, file = [], export["file"]
    for each in [*step["calls"], step]:
        places.append(str(each["line"]) if each["file"] == file else f"{each['file']}:{each['line']}")
        file = each["file"]
    return " → ".join(places if len(places) <= _LONGEST else [places[0], "…", places[-1]])


def _place(each: dict[str, Any], export: dict[str, Any]) -> str:
    """The line, with the file where it is not the export's own."""
    return str(each["line"]) if each["file"] == export["file"] else f"{each['file']}:{each['line']}"


def numbered(found: Sequence[int]) -> str:
    """`1–3, 5`."""
    parts: list[list[int]] = []
    for number in found:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}–{part[-1]}" for part in parts)


def _columns(rows: list[list[str]], width: int | None) -> list[str]:
    """Rows as lines; the last cell of a row is what needs most room."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    before = 2 + sum(each + 2 for each in widths[:-1])
    if width is not None and before + min(widths[-1], _NARROWEST) > width:
        return [line for row in rows for line in _stacked(row, widths, width)]
    room = max(widths[-1], 1) if width is None else width - before
    lines = []
    for row in rows:
        last = textwrap.wrap(row[-1], room) or [""]
        cells = [cell.ljust(each) for cell, each in zip(row[:-1], widths, strict=False)]
        lines.append(("  " + "  ".join([*cells, last[0]])).rstrip())
        lines += [" " * before + line for line in last[1:]]
    return lines


def _stacked(row: list[str], widths: list[int], width: int) -> list[str]:
    """A row with its last cell on lines of its own; cells that have no room in columns follow each other."""
    cells = [cell.ljust(each) for cell, each in zip(row[:-1], widths, strict=False)]
    head = ("  " + "  ".join(cells)).rstrip()
    if len(head) > width:
        said = "  ".join(cell for cell in row[:-1] if cell)
        heads = _wrapped(said, width, "  ")
    else:
        heads = [head]
    return [*heads, *_wrapped(row[-1], width, "      ", further="      ")]


def _wrapped(text: str, width: int | None, indent: str, *, further: str = "    ") -> list[str]:
    if width is None:
        return [f"{indent}{text}"]
    return textwrap.wrap(text, max(width, _LEAST), initial_indent=indent, subsequent_indent=further)
