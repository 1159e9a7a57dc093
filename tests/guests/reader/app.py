import importlib
import json
import pkgutil
import sys
import time

import wit_world
from componentize_py_types import Err
from wit_world import exports, imports

NAMES = {
    module.name: importlib.import_module(f"wit_world.imports.{module.name}")
    for module in pkgutil.iter_modules(imports.__path__)
}
STATE: dict = {}


class WitWorld(wit_world.WitWorld):
    def run(self, source: str) -> str:
        names = {**NAMES, "Err": Err, "sys": sys, "time": time, "state": STATE}
        exec(compile(source, "/0/script.py", "exec"), names)
        return str(names.get("result"))


class SaveSnapshot(exports.SaveSnapshot):
    def save(self):
        return json.dumps(STATE).encode()


class LoadSnapshot(exports.LoadSnapshot):
    def load(self, bytes):  # noqa: A002 - the name is in the WIT
        STATE.update(json.loads(bytes))
