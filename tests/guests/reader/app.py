import sys

import wit_world
from componentize_py_types import Err
from wit_world.imports import host, oplog, types


class WitWorld(wit_world.WitWorld):
    def run(self, source: str) -> str:
        names = {"host": host, "oplog": oplog, "rpc": types, "Err": Err, "sys": sys}
        exec(compile(source, "/0/script.py", "exec"), names)
        return str(names.get("result"))
