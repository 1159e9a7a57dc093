import json  # noqa: F401 - what the source imports is there before the component's files are gone
import pathlib
import sys  # noqa: F401
import time  # noqa: F401

import componentize_py_types  # noqa: F401
import wit_world
from wit_world import exports
from wit_world.imports import host  # noqa: F401

SOURCE = pathlib.Path(__file__).with_name("app.py").read_text().ljust(4096)
NAMES: dict = {}


def source(name):
    if not NAMES:
        exec(compile(SOURCE, "/0/app.py", "exec"), NAMES)
    return NAMES[name]


class WitWorld(wit_world.WitWorld):
    def run(self, source_text):
        return source("WitWorld").run(self, source_text)


class SaveSnapshot(exports.SaveSnapshot):
    def save(self):
        return source("SaveSnapshot").save(self)


class LoadSnapshot(exports.LoadSnapshot):
    def load(self, bytes):  # noqa: A002 - the name is in the WIT
        return source("LoadSnapshot").load(self, bytes)
