"""`durable-dsl inspect`: what is in a component file."""

from __future__ import annotations

import json

from durable_dsl.cli.main import main
from tests.guests import guest


def test_exports_with_signatures_and_imports(capfd):
    """A foreign component has no target and no regions."""
    assert 0 == main(["inspect", str(guest("shop")), "--json"])
    found = json.loads(capfd.readouterr().out)

    assert found["target"] is None
    exports = {export["name"]: export for export in found["exports"]}
    assert "place(order: order) -> result<string, string>" == exports["test:shop/orders@1.0.0#place"]["signature"]
    assert [] == exports["double"]["regions"]
    assert "golem:api/host@1.1.0" in found["imports"]


def test_for_people(capfd):
    """Exports under their interfaces."""
    main(["inspect", str(guest("shop"))])

    assert (
        "  test:shop/carts@1.0.0#[method]cart.add(self: borrow<cart>, sku: string) -> u32\n" in capfd.readouterr().out
    )


def test_a_file_that_is_no_component(tmp_path, capfd):
    """An error with the file's name."""
    (tmp_path / "x.wasm").write_bytes(b"nonsense")

    assert 1 == main(["inspect", str(tmp_path / "x.wasm")])
    assert "x.wasm" in capfd.readouterr().err
