"""`make bench`: run every benchmark and compare with the limit that each must keep.

A row is a ratio of two medians taken in turns in one run, so that a busy machine slows both sides; where there is
nothing comparable it is an absolute figure. Exit status 1 if a limit is broken.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path


def main() -> int:
    """Run the benchmarks named on the command line, or all."""
    names = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(names)}; all if none is given")
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(names)
    if unknown:
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    rows = []
    for name in arguments.names or names:
        print(f"{name} …", file=sys.stderr, flush=True)
        for row in importlib.import_module(f"benchmarks.bench_{name}").measure():
            rows.append({"benchmark": name, **row})
            if not arguments.json:
                print(_line(row), flush=True)
    if arguments.json:
        print(json.dumps(rows, indent=2))
    return 0 if all(row["ok"] for row in rows) else 1


def _line(row: dict[str, object]) -> str:
    verdict = "ok  " if row["ok"] else "OVER"
    return f"  {verdict}  {row['ratio']:>9.3f}  ({row['required']})  {row['name']}"


if __name__ == "__main__":
    sys.exit(main())
