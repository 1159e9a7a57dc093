import json
import sys
import time

import wit_world
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import host

VERSION = 1
STATE = {}


def other(name):
    return host.WorkerId(host.get_self_metadata().worker_id.component_id, name)


class WitWorld(wit_world.WitWorld):
    def run(self, source):
        names = {
            "host": host,
            "other": other,
            "Err": Err,
            "sys": sys,
            "time": time,
            "state": STATE,
            "VERSION": VERSION,
        }
        exec(compile(source, "/0/steerer.py", "exec"), names)
        return str(names.get("result"))


class SaveSnapshot(exports.SaveSnapshot):
    def save(self):
        return json.dumps(STATE).encode()


class LoadSnapshot(exports.LoadSnapshot):
    def load(self, bytes):  # noqa: A002 - the name is in the WIT
        STATE.update(json.loads(bytes))
