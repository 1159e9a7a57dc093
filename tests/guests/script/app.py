import importlib
import json
import os
import pathlib
import pkgutil
import sys
import time
import traceback

import componentize_py_types
import wit_world
from wit_world import imports

VERSION = 1
NAMES = {
    module.name: importlib.import_module(f"wit_world.imports.{module.name}")
    for module in pkgutil.iter_modules(imports.__path__)
}
USEFUL = {
    **{module.__name__: module for module in (json, os, pathlib, sys, time, traceback)},
    "Err": componentize_py_types.Err,
    "VERSION": VERSION,
}
STATE: dict = {}


def execute(source: str) -> str:
    names = {
        **NAMES,
        "os": os,
        "sys": sys,
        "time": time,
        "state": STATE,
        "Err": componentize_py_types.Err,
        "VERSION": VERSION,
    }
    exec(compile(source, "/0/script.py", "exec"), names)
    return str(names.get("result"))


class WitWorld(wit_world.WitWorld):
    def run(self, source: str) -> str:
        return execute(source)

    def attempt(self, source: str) -> str:
        try:
            return execute(source)
        except Exception as error:
            raise componentize_py_types.Err(str(error)) from error
