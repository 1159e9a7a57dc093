"""Docs and names are data: whatever stands in them, what is generated parses, says the same, and does nothing else."""

from __future__ import annotations

import ast
import inspect
import shutil
import subprocess
import sys

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from durable_codegen.build import emit_only, inferred_wit, write_bindings
from durable_codegen.emit.clients import client_module
from durable_codegen.infer.text import _DISCOURAGED
from durable_codegen.project.config import resolve
from durable_codegen.source.layout import comment
from durable_codegen.source.literals import clean, docstring, in_docstring, quoted
from durable_codegen.wit.json_form import read_document
from durable_codegen.wit.toolchain import run_wasm_tools
from tests.codegen.projects import write

#: Texts that have ended strings or begun escapes; RAN would be an attribute of `sys`.
ATTACK = '""" + setattr(__import__("sys"), "RAN", 1) + """'
NASTY = [
    "\\x",
    "\\N",
    "\\N{DASH}",
    "\\U0001",
    "\\u12",
    "\\",
    "ends with \\",
    'ends with "',
    '"',
    '""',
    '"""',
    '""""',
    '\\"""',
    "'''",
    ATTACK,
    f"\\{ATTACK}",
    "*/",
    "/* ",
    "{{ jinja }} {% raw %}",
    "a\n  b\n c",
    "a\\\nb",
    "tab\there",
    "ümläut 𝛼",
    "\u0f77\u17b4\u202e\x07\u2028",
]
TEXTS = st.one_of(st.sampled_from(NASTY), st.text(), st.text(alphabet="\"\\'\n xN{}u#*/", max_size=30))


def assigned(source, at):
    """The docstring of a function or class that stands `at` columns in, and whether anything else stands beside it."""
    text = f"class A:\n{' ' * at}{source}\n"
    (only,) = ast.parse(text).body[0].body
    assert isinstance(only, ast.Expr)
    assert isinstance(only.value, ast.Constant)
    lines = [line.rstrip(" ") for line in inspect.cleandoc(only.value.value).split("\n")]
    return "\n".join(lines).strip("\n")


@example("\n 0\n0", 4)
@example("\n0\n 0", 4)
@given(TEXTS, st.sampled_from([4, 8]))
def test_a_docstring_says_the_text(text, at):
    """As `inspect.cleandoc` gives it, without space at the ends of lines; and it is one constant."""
    assert clean(text) == assigned(docstring(text, at), at)


@given(TEXTS)
def test_strings_comments_and_parts_of_docstrings(text):
    """A string is its text; a comment hides nothing of the code around it."""
    line = text.replace("\n", " ")

    assert text == ast.literal_eval(quoted(text))
    assert [ast.dump(ast.parse("x = 1"))] == [ast.dump(ast.parse("\n".join(comment("x = 1", text, 8))))]
    assert f"a {line} b" == ast.literal_eval(f'"""a {in_docstring(line)} b"""')


def docs_of(path):
    """Every docstring in a file, and that importing it would run nothing but definitions."""
    tree = ast.parse(path.read_text())
    found = []
    for node in ast.walk(tree):
        body = getattr(node, "body", [])
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            values = [each.value for each in body if isinstance(each, ast.Expr)]
            found += [each.value for each in values if isinstance(each, ast.Constant)]
            assert all(isinstance(each, ast.Constant) for each in values)
    return {clean(str(each)) for each in found}


ONE_LINE = [each for each in NASTY if each.isprintable()]


def wit_with(texts):
    """A world with a text as the docs of a function each, and all of them on whatever else bears docs."""
    every = "\n".join(f"/// {each}" for each in texts)
    functions = "\n".join(f"/// {text}\nfun{at}: func(a: r);" for at, text in enumerate(texts))
    types = "\n".join(
        f"{every}\n{each}"
        for each in ("record r { a: u8 }", "enum e { a }", "flags f { a }", "variant v { a, b(u8) }", "resource q { }")
    )
    return (
        f"package demo:docs;\n{every}\ninterface api {{\n{types}\n{functions}\nuse-all: func(a: e, b: f, c: v);\n}}\n"
        f"{every}\nworld w {{\n{every}\nexport l: func();\nexport api; }}\n"
    )


def test_docs_of_wit_in_bindings(tmp_path):
    """componentize-py copies docs into docstrings; they say what the docs say."""
    write(tmp_path, {"wit/world.wit": wit_with(ONE_LINE), "app.py": ""})
    write_bindings(resolve({"app": "app.py"}, environment={}, folder=tmp_path), tmp_path / "bindings")

    found = docs_of(tmp_path / "bindings/wit_world/exports/__init__.py")
    assert {clean(each) for each in ONE_LINE} <= found
    for each in (tmp_path / "bindings/wit_world").rglob("*.py"):
        compile(each.read_bytes(), str(each), "exec")


def test_docs_of_a_package_in_binary_form(tmp_path):
    """What others have made brings its docs along."""
    write(tmp_path, {"dep/world.wit": wit_with([ATTACK, "\\x"])})
    world = "package my:app;\nworld app { import demo:docs/api; export run: func(); }\n"
    write(tmp_path, {"wit/world.wit": world, "wit/deps/unused.txt": "", "app.py": "def run(): ...\n"})
    done = run_wasm_tools(["component", "wit", tmp_path / "dep", "--wasm", "-o", tmp_path / "wit/deps/docs.wasm"])
    assert not done.failed, done.stderr
    shutil.rmtree(tmp_path / "dep")
    write_bindings(resolve({"app": "app.py"}, environment={}, folder=tmp_path), tmp_path / "bindings")

    assert {clean(ATTACK), "\\x"} <= docs_of(tmp_path / "bindings/wit_world/imports/api.py")


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=_DISCOURAGED), min_size=1), min_size=20
    )
)
def test_any_docs_of_wit_in_bindings(tmp_path_factory, texts):
    """Whatever wasm-tools takes."""
    folder = tmp_path_factory.mktemp("docs")
    write(folder, {"wit/world.wit": wit_with(texts), "app.py": ""})
    write_bindings(resolve({"app": "app.py"}, environment={}, folder=folder), folder / "bindings")

    assert {clean(each) for each in texts} <= docs_of(folder / "bindings/wit_world/exports/__init__.py")


def test_docs_in_clients(tmp_path):
    """The module that calls a component is made from its WIT, whoever wrote that."""
    write(tmp_path, {"world.wit": wit_with(ONE_LINE)})
    document = read_document(tmp_path)
    name = f'a"b\\{ATTACK}'
    client = tmp_path / "client.py"
    client.write_text(client_module(document, document.worlds[0], name, version="1"))
    found = docs_of(client)
    source = "import sys, client; print(client.Api.__durable_dsl_interface__[1], getattr(sys, 'RAN', 0))"
    ran = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False, cwd=tmp_path)

    assert {clean(each) for each in ONE_LINE} <= found
    assert f"{name} 0\n" == ran.stdout, ran.stderr


@pytest.mark.parametrize("text", NASTY)
def test_docs_of_an_app(tmp_path, text):
    """From docstrings to WIT and its docs, and from there into the bindings."""
    app = f"{text!r}\nfrom durable_dsl import export\n@export\ndef f() -> None:\n    {text!r}\n"
    write(tmp_path, {"app.py": app})
    chosen = resolve({"app": "app.py"}, environment={}, folder=tmp_path)
    wit = inferred_wit(chosen)[0]
    (tmp_path / "read.wit").write_text(wit)
    interface = read_document(tmp_path / "read.wit").raw["interfaces"][0]
    emit_only(chosen, tmp_path / "emitted")

    taken = "".join(each for each in text if each == "\n" or (each.isprintable() and each not in _DISCOURAGED))
    wanted = clean(inspect.cleandoc(text if "\t" in text else taken))
    assert wanted == clean(interface["functions"]["f"]["docs"]["contents"] if wanted else "")
    assert wanted in docs_of(tmp_path / "emitted/bindings/wit_world/exports/__init__.py")
