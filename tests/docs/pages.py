"""The blocks of a page, and a shell and an interpreter to run them in, as a reader would.

A page is read from top to bottom in an empty folder. What a block is, its fence and the comment above it say:

- ``` ```python title="app.py" ``` is a file: it is written. Any language may have a title.
- `<!-- excerpt of PATH -->` above a block: its lines stand in that file of the repository, in that order; a line `...`
  (or one that ends so) leaves something out.
- `<!-- with PATH -->` above a block: that folder of the repository is copied into the page's folder first.
- `<!-- test: PATH -->`: a test module for that project; tests/crash/test_docs_page.py runs it.
- `<!-- not run: REASON -->`: it needs what a test cannot have, a cluster for one. Python in it still has to parse.
- ``` ```console ```: each `$ command` runs in one bash that lives as long as the page. Lines below a command are what
  it prints, where `…` stands for anything; `[exit status 3]` is the status, 0 if nothing is said. Without such lines
  the output may be what it wants.
- ``` ```python ```: runs in one interpreter that lives as long as the page, in the page's folder.
- Other languages without a title (wit, toml, text …) must be excerpts, or of a language that is only looked at.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
NOT_SOURCES = shutil.ignore_patterns(".durable", "*.wasm", "__pycache__")
SHOWN_ONLY = frozenset({"text", "json", "sql", "mermaid"})  # diagrams: test_architecture_page

_BLOCK = re.compile(
    r"(?:^<!-- (?P<note>[^\n]*?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_FENCE = re.compile(r"^ *```(?P<language>\w+)", re.MULTILINE)
_INTERPRETER = """
import io, json, sys, traceback
names = {"__name__": "__main__"}
sys.path.insert(0, "")
for line in sys.stdin:
    try:
        exec(compile(json.loads(line), "<page>", "exec"), names)
        error = ""
    except BaseException:
        error = traceback.format_exc()
    print(flush=True)
    print("\\0" + json.dumps(error), flush=True)
"""


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str
    title: str | None
    note: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def excerpt_of(self) -> str | None:
        return self.note.removeprefix("excerpt of ") if self.note.startswith("excerpt of ") else None

    @property
    def not_run(self) -> str | None:
        return self.note.removeprefix("not run: ") if self.note.startswith("not run: ") else None

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """The commands of a console block, each with the lines that it should print."""
        command: str | None = None
        expected: list[str] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                if command is not None:
                    yield command, expected
                command, expected = line[2:], []
            elif line.startswith("> ") and command is not None and not expected:
                command += "\n" + line[2:]
            else:
                expected.append(line)
        if command is not None:
            yield command, expected


def blocks_of(page: Path) -> list[Block]:
    """The blocks of a page; one that cannot be read is an error, not skipped."""
    text = page.read_text(encoding="utf-8")
    found = [
        Block(
            page,
            text.count("\n", 0, match.start("language")) + 1,
            match["language"],
            "".join(line.removeprefix(match["indent"]) for line in match["text"].splitlines(keepends=True)),
            match["title"],
            match["note"] or "",
        )
        for match in _BLOCK.finditer(text)
    ]
    fences = [text.count("\n", 0, match.start("language")) + 1 for match in _FENCE.finditer(text)]
    assert fences == [block.line for block in found], f"{page}: a fence that is not understood"
    return found


def check_excerpt(block: Block) -> None:
    """Every line of the excerpt stands in its file, in that order."""
    assert block.excerpt_of is not None
    lines = iter(line.strip() for line in (ROOT / block.excerpt_of).read_text(encoding="utf-8").splitlines())
    for line in map(str.strip, block.text.splitlines()):
        wanted = line.removesuffix("...").rstrip()
        if not wanted:
            continue
        exact = wanted == line
        found = any(each == wanted if exact else each.startswith(wanted) for each in lines)
        assert found, f"{block.place}: {block.excerpt_of} has no line {line!r} here"


class Shell:
    """One bash for a page."""

    SENTINEL: ClassVar[str] = "\x01done "

    def __init__(self, folder: Path) -> None:
        environment = {
            "HOME": str(folder.parent),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "NO_COLOR": "1",
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
            "DURABLE_DSL_COMPILE": os.environ.get("DURABLE_DSL_COMPILE", ""),
        }
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )

    def run(self, command: str) -> tuple[int, str]:
        """Exit status and output, stdout and stderr as they come."""
        assert self._bash.stdin is not None
        assert self._bash.stdout is not None
        self._bash.stdin.write(f"{command}\nprintf '\\n\\001done %s\\n' $?\n")
        self._bash.stdin.flush()
        lines: list[str] = []
        for line in self._bash.stdout:
            if line.startswith(self.SENTINEL):
                return int(line.removeprefix(self.SENTINEL)), "".join(lines).removesuffix("\n")
            lines.append(line)
        raise AssertionError(f"the shell ended in {command!r}:\n{''.join(lines)}")

    def close(self) -> None:
        """End it, with whatever it left running."""
        os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.wait()


class Interpreter:
    """One Python for a page."""

    def __init__(self, folder: Path) -> None:
        self._python = subprocess.Popen(
            [sys.executable, "-u", "-c", _INTERPRETER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
        )

    def run(self, text: str) -> str:
        """Runs the block; the traceback if it raised, else an empty text."""
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        self._python.stdin.write(json.dumps(text) + "\n")
        self._python.stdin.flush()
        for line in self._python.stdout:
            if line.startswith("\0"):
                error: str = json.loads(line[1:])
                return error
        return "the interpreter ended"

    def close(self) -> None:
        self._python.kill()
        self._python.wait()


def matches(expected: list[str], output: str) -> bool:
    """Whether output is what the page shows: `…` stands for anything, also for whole lines."""
    wanted = "\n".join(line.rstrip() for line in expected)
    pattern = ".*?".join(map(re.escape, wanted.split("…")))
    # Stages that take long are told while they last; which do depends on the machine.
    lines = (line.rstrip() for line in output.splitlines())
    actual = "\n".join(line for line in lines if not line.endswith(" …"))
    return re.fullmatch(pattern.strip("\n"), actual.strip("\n"), re.DOTALL) is not None


def run_page(page: Path, folder: Path) -> None:
    """Do what the page says, from top to bottom."""
    shell: Shell | None = None
    interpreter: Interpreter | None = None
    try:
        for block in blocks_of(page):
            if block.note.startswith("with "):
                shutil.copytree(ROOT / block.note.removeprefix("with "), folder, dirs_exist_ok=True, ignore=NOT_SOURCES)
            if block.excerpt_of is not None:
                check_excerpt(block)
            elif block.not_run is not None or block.note.startswith("test: "):
                if block.language == "python":
                    ast.parse(block.text)
            elif block.title is not None:
                path = folder / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            elif block.language == "console":
                shell = shell or Shell(folder)
                run_console(block, shell)
            elif block.language == "python":
                interpreter = interpreter or Interpreter(folder)
                error = interpreter.run(block.text)
                assert not error, f"{block.place}:\n{error}"
            else:
                assert block.language in SHOWN_ONLY, f"{block.place}: a {block.language} block that nothing checks"
    finally:
        if shell is not None:
            shell.close()
        if interpreter is not None:
            interpreter.close()


def run_console(block: Block, shell: Shell) -> None:
    """Run the commands of a block and compare what they print."""
    for command, shown in block.commands():
        expected = list(shown)
        status = 0
        if expected and (said := re.fullmatch(r"\[exit status (\d+)\]", expected[-1])):
            status = int(said[1])
            expected.pop()
        actual, output = shell.run(command)
        assert actual == status, f"{block.place}: $ {command}\nexit status {actual}, not {status}:\n{output}"
        if expected:
            assert matches(expected, output), f"{block.place}: $ {command}\nprinted:\n{output}\nand not:\n" + "\n".join(
                expected
            )
