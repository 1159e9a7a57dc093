"""WIT that the tests of the build share, written into folders as projects have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durable_codegen.world.compose import compose
from durable_codegen.world.model import read_world
from durable_codegen.world.targets import choose_target

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = """\
package demo:orders@1.0.0;

/// Orders of goods.
interface orders {
  record order {
    id: string,
    amount: u32,
  }

  type outcome = result<string, string>;

  /// Places an order.
  place: func(order: order, note: option<string>) -> result<string, string>;
  count: func() -> u64;
  again: func() -> outcome;

  /// A cart of goods.
  resource cart {
    constructor(owner: string);
    add: func(item: order) -> u32;
    open: static func(owners: list<tuple<string, u8>>) -> cart;
  }
}

interface types {
  use orders.{outcome};
  last: func() -> outcome;
}

world app {
  import wasi:cli/environment@0.2.0;

  /// Says hello.
  export hello-world: func() -> string;
  export orders;
  export types;
}
"""

#: The world of Golem's own Python template.
GOLEM_DEFAULT = """\
package pack:name;

interface api {
  add: func(value: u64);
  get: func() -> u64;
}

world component-name {
  import golem:api/host@0.2.0;
  import golem:rpc/types@0.1.0;

  import wasi:blobstore/blobstore;
  import wasi:blobstore/container;
  import wasi:cli/environment@0.2.0;
  import wasi:http/types@0.2.0;
  import wasi:http/outgoing-handler@0.2.0;
  import wasi:keyvalue/eventual-batch@0.1.0;
  import wasi:keyvalue/eventual@0.1.0;
  import wasi:logging/logging;
  import wasi:sockets/instance-network@0.2.0;

  export api;
}
"""

#: What makes today's tools refuse Golem's official files.
REFUSED = {
    "golem/golem-host.wit": "package golem:api@0.2.0;\ninterface host {\n  delete-promise: func(id: u64) -> ();\n}\n",
    "wasm-rpc/wasm-rpc.wit": "package golem:rpc@0.1.0;\ninterface types {\n  type real = float32;\n}\n",
    "io/streams.wit": "package wasi:io@0.2.0;\ninterface streams {\n  write: func() -> ();\n}\n",
    "io/poll.wit": "interface poll {\n  poll: func() -> ();\n}\n",
    "rdbms/types.wit": "package golem:rdbms@0.0.1;\ninterface types {\n  use golem:unknown/stuff@9.9.9.{thing};\n}\n",
}


def write_wit(folder: Path, text: str, deps: dict[str, str] | None = None) -> Path:
    """A folder of WIT with a package, and files under deps/."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "world.wit").write_text(text)
    for name, content in (deps or {}).items():
        path = folder / "deps" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def composed(wit: Path, into: Path, words=(), *, target=None, **options):
    """The composed world of a folder, with the target that it chooses."""
    world = read_world(wit, None)
    options.setdefault("event_loop", False)
    return compose(wit, world, choose_target(world, target), words, into, **options)


def codes(failure):
    """Code, file and line of each fault."""
    return [(fault.code, fault.file, fault.line) for fault in failure.faults]
