"""What a build adds for HTTP libraries, for keys that are made, and for calls of other workers, as it is emitted."""

from __future__ import annotations

import pytest

from durable_codegen.build import emit_only
from durable_codegen.faults import BuildFailed
from durable_codegen.project.config import resolve

CALL = "\n\n@export\ndef call(url: str) -> str:\n    {body}\n"


@pytest.fixture
def emit(tmp_path):
    """Gives the generated modules and the world of an app without WIT."""

    def emit(source, project=""):
        (tmp_path / "app.py").write_text(source)
        (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "app"\nversion = "1"\n{project}')
        emit_only(resolve({"app": "app.py"}, environment={}, folder=tmp_path), tmp_path / "emitted")
        files = {path.name: path.read_text() for path in (tmp_path / "emitted").glob("*.py")}
        return files, (tmp_path / "emitted" / "wit" / "world.wit").read_text()

    return emit


@pytest.mark.parametrize("module", ["urllib.request", "http.client"])
def test_a_library_brings_wasi_http_and_is_put_on_it_before_the_app(emit, module):
    """The stand-in for ssl first; exchanges that are left open are closed with the export."""
    files, world = emit(f"import {module}\n\nfrom durable_dsl import export{CALL.format(body='return url')}")
    libraries = files["durable_libraries.py"]

    assert "import wasi:http/outgoing-handler@" in world
    assert libraries.index("tls_standin.install()") < libraries.index("http_stdlib.install()")
    assert "    close_exchanges()" in files["durable_wrapper.py"]
    assert "begin_keys" not in files["durable_wrapper.py"]


def test_ssl_alone_gets_its_stand_in_and_no_http(emit):
    """Its import is no fault any more."""
    files, world = emit(f"import ssl\n\nfrom durable_dsl import export{CALL.format(body='return ssl.OPENSSL_VERSION')}")

    assert "http_stdlib" not in files["durable_libraries.py"]
    assert "wasi:http" not in world


def test_what_packages_say_of_themselves_is_kept_where_it_is_asked_for(emit):
    """Nothing else comes with it."""
    body = "return metadata.version(url)"
    files, world = emit(f"from importlib import metadata\n\nfrom durable_dsl import export{CALL.format(body=body)}")

    assert "package_metadata.install()" in files["durable_libraries.py"]
    assert "tls_standin" not in files["durable_libraries.py"]
    assert "wasi:http" not in world


def test_an_app_without_libraries_has_nothing_of_them(emit):
    """No call that is not needed."""
    files, world = emit(f"from durable_dsl import export{CALL.format(body='return url')}")

    assert ["durable_host.py", "durable_wrapper.py"] == sorted(files)
    assert "wasi:http" not in world
    assert "close_exchanges" not in files["durable_wrapper.py"]


def test_the_base_of_made_keys_is_taken_before_regions(emit):
    """Exports without a region only begin anew: they take it when they need it."""
    body = "return http.post(url, idempotency_key=True).text"
    source = f"from durable_dsl import atomic, export, http{CALL.format(body=body)}"
    source += "\n\n@export\n@atomic\ndef within(url: str) -> str:\n    return call(url)\n"
    files, world = emit(source)
    wrapper = files["durable_wrapper.py"]

    assert "begin_keys()" in wrapper
    assert wrapper.index("begin_keys(take=True)") < wrapper.index("mark_begin_operation()")
    assert "generate_idempotency_key" in files["durable_host.py"]
    assert "import golem:api/host@" in world


def test_a_key_of_ones_own_needs_nothing(emit):
    """Only `True` asks for keys that are made."""
    body = 'return http.post(url, idempotency_key="mine").text'
    files, _ = emit(f"from durable_dsl import export, http{CALL.format(body=body)}")

    assert "begin_keys" not in files["durable_wrapper.py"]
    assert "generate_idempotency_key" not in files["durable_host.py"]


def test_calls_of_other_workers_bring_golem_rpc_and_the_components_of_the_settings(emit):
    """What `[tool.durable-dsl.components]` says is in the component."""
    project = '\n[tool.durable-dsl.components]\nstock = "4ac76c98-5f0c-4b4e-9d53-0d2f0e0a9a11"\n'
    files, world = emit(f"from durable_dsl import export, remote{CALL.format(body='return str(remote)')}", project)

    assert "import golem:rpc/types@0.1.0" in world
    assert '"stock": "4ac76c98-5f0c-4b4e-9d53-0d2f0e0a9a11"' in files["durable_remote_host.py"]


@pytest.mark.parametrize(
    ("use", "imported"),
    [
        ("", False),
        ("\n\nCLIENT = remote.client", True),
        ("\n\nother = [remote]", True),
        ("\n\nimport durable_dsl", False),
    ],
)
def test_what_only_declares_the_functions_of_others_imports_nothing(emit, use, imported):
    """A protocol that is shared with those who call; handed on as a whole, the module counts as used."""
    source = f"""from typing import Protocol

from durable_dsl import export, remote


class Stock(Protocol):
    @remote.method
    def left(self, sku: str) -> int: ...


@export
def call(url: str) -> str:
    return url
{use}
"""
    files, world = emit(source)

    assert imported == ("golem:rpc" in world)
    assert imported == ("close_exchanges" in files["durable_wrapper.py"])
    assert "COMPONENTS" in files["durable_remote_host.py"]


def test_a_module_that_is_imported_and_not_used_is_there(emit):
    """Importing it needs what it stands on."""
    files, world = emit("from durable_dsl import export, http\n\n\n@export\ndef call() -> None: ...\n")

    assert "import wasi:http/outgoing-handler" in world
    assert "import *" in files["durable_http_host.py"]


def test_components_are_a_table_of_texts(emit):
    """Anything else is a fault of the settings."""
    with pytest.raises(BuildFailed) as failed:
        emit("from durable_dsl import export\n", "\n[tool.durable-dsl.components]\nstock = 7\n")

    assert [("DSL402", "components takes a table of texts")] == [(each.code, each.hint) for each in failed.value.faults]


@pytest.mark.parametrize("overlapping", [False, True])
def test_requests_of_several_tasks_are_noted_unless_they_may_overlap(tmp_path, overlapping):
    """The setting reaches the guest, and ends the note."""
    (tmp_path / "app.py").write_text(
        "import asyncio\n\nfrom durable_dsl import export, http\n\n\n@export\nasync def ask(urls: list[str]) -> None:\n"
        "    await asyncio.gather(*(http.aget(url) for url in urls))\n"
    )
    setting = f"[tool.durable-dsl]\noverlapping-requests = {str(overlapping).lower()}\n"
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "app"\nversion = "1"\n{setting}')
    settings = resolve({"app": "app.py"}, environment={}, folder=tmp_path)

    notes = [(each.code, each.line) for each in emit_only(settings, tmp_path / "emitted")]
    assert notes == ([] if overlapping else [("DSL523", 8)])
    assert f"OVERLAPPING = {overlapping}" in (tmp_path / "emitted" / "durable_http_host.py").read_text()
