import importlib
import pkgutil
import sys
import time

import wit_world
from componentize_py_types import Err
from wit_world import imports

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
