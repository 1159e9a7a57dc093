"""The frame of the command line: one parser, one verb, one exit status.

Only the module of the verb that was asked for is imported, so that `durable-dsl run` does not pay for the build's
dependencies. Exit status: 0 fine; 1 fault in the input, component or data; 2 usage; 3 the guest failed; 130 Ctrl-C.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, cast

from durable_dsl.cli.terminal import console

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Verb → what `durable-dsl --help` says of it. The module of a verb has its name.
VERBS = {
    "new": "start a small project that builds, runs and tests at once",
    "build": "compile decorated functions into a WebAssembly component",
    "bindings": "write the world's Python stubs for editors and type checkers",
    "wit": "show, write or check the world that is inferred from an app's type hints",
    "client": "write a typed Python module for calling a component's workers from another one",
    "check": "find mistakes in how regions, retries and transactions are used, without building",
    "explain": "say for each export what is done again after a crash, line by line",
    "inspect": "show a component's exports, signatures and regions",
    "run": "call an export in the embedded engine and print its result",
    "worker": "list workers and show what is in their oplogs",
    "data": "show what a data directory takes up, and give back what nobody needs",
}
#: Where that module has another name.
_MODULES = {"data": "directory"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            return _run(words)
        except console.CommandError as fault:
            _tell(fault, words)
            return fault.status
    except KeyboardInterrupt:
        console.note("interrupted")
        return console.INTERRUPTED
    except BrokenPipeError:  # the reader of our stdout went away (`| head`): what is left to say has no listener
        _give_up_stdout()
        return console.FAULT
    except console.OutputError as error:
        _give_up_stdout()
        console.error(f"the result cannot be written to standard output: {error}")
        return console.FAULT
    except OSError as error:
        console.error(_of_system(error), _RAISE_LIMIT if error.errno == errno.EMFILE else "")
        return console.FAULT


def _tell(fault: console.CommandError, words: Sequence[str]) -> None:
    options = words[: words.index("--")] if "--" in words else words
    if "--json" in options:
        console.print_json(fault.as_json())
    else:
        console.error(fault.message, fault.hint)


def _give_up_stdout() -> None:
    """Python would print a complaint while it flushes at exit, so stdout is pointed elsewhere first."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _of_system(error: OSError) -> str:
    """What the operating system refused, as it says it."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


def _run(words: Sequence[str]) -> int:
    _refuse_other_encodings(words)
    completing = "_ARGCOMPLETE" in os.environ
    parser = _parser(list(VERBS) if completing else _wanted(words))
    if completing:
        import argcomplete

        argcomplete.autocomplete(parser)
    namespace = _parse(parser, words)
    if namespace.verb is None:
        parser.print_help(sys.stderr)
        return console.USAGE
    status = _module(namespace.verb).run(namespace)
    sys.stdout.flush()
    return status


def _parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    """Parse `words`; a verb's list of arguments may go on after options, which argparse alone refuses."""
    namespace, rest = parser.parse_known_args(words)
    if rest:
        listed = getattr(namespace, "arguments", None)
        if not isinstance(listed, list) or any(word.startswith("-") and not _is_number(word) for word in rest):
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
        listed += rest
    return namespace


def _refuse_other_encodings(words: Sequence[str]) -> None:
    """Bytes that are not in the encoding of the command line reach Python as lone surrogates, which nothing holds."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            told = word.encode("utf-8", "backslashreplace").decode()
            raise console.CommandError(f"not UTF-8 text: {told}", status=console.USAGE) from None


class _Help(argparse.HelpFormatter):
    """Breaks lines between words alone: what is written with hyphens is to be copied."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        from textwrap import wrap

        return wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        from textwrap import fill

        words = " ".join(text.split())
        return fill(words, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


class _Parser(argparse.ArgumentParser):
    """Tells mistakes as everything else here does, after the verb's usage."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{"formatter_class": _Help, **options})

    def error(self, message: str) -> NoReturn:
        raise console.CommandError(message, self.format_usage().strip(), console.USAGE)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _wanted(words: Sequence[str]) -> list[str]:
    """The verbs whose options must be known to parse `words`: the first word, if it is a verb."""
    first = next((word for word in words if not word.startswith("-")), None)
    return [first] if first in VERBS else []


class _Version(argparse.Action):
    """Looks the version up only when asked: reading package metadata takes as long as everything else here."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version

        console.out(f"durable-dsl {version('durable-dsl')}")
        parser.exit()


_RAISE_LIMIT = "raise the limit of open files, as `ulimit -n 1024` does, and try again"


class _Verb(Protocol):
    """What the module of a verb offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None: ...
    def run(self, arguments: argparse.Namespace) -> int: ...


def _module(verb: str) -> _Verb:
    return cast("_Verb", importlib.import_module(f"durable_dsl.cli.{_MODULES.get(verb, verb)}"))


def _parser(wanted: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="durable-dsl",
        description="Durable Python: build components from decorated functions and run them crash-safe.",
        epilog='Completion in bash and zsh: eval "$(register-python-argcomplete durable-dsl)"',
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for verb, summary in VERBS.items():
        child = verbs.add_parser(verb, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if verb in wanted:
            _module(verb).configure(child)
    return parser
