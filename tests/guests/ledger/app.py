import json
import time

import wit_world
from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import host

ENTRIES = []


class WitWorld(wit_world.WitWorld):
    def add(self, amount):
        host.generate_idempotency_key()
        ENTRIES.append(amount)
        return sum(ENTRIES)

    def entries(self):
        return ENTRIES

    def pause(self):
        host.generate_idempotency_key()
        print("pausing")
        time.sleep(3600)
        return "first build"


class SaveSnapshot(exports.SaveSnapshot):
    def save(self):
        return json.dumps(ENTRIES).encode()


class LoadSnapshot(exports.LoadSnapshot):
    def load(self, bytes):  # noqa: A002 - the name is in the WIT
        try:
            ENTRIES.extend(json.loads(bytes))
        except ValueError as error:
            raise Err(str(error)) from error
