"""A built component on wasmtime's own WASI, with golem:api/host as a list of calls: one instance, many exports."""

from __future__ import annotations

from wasmtime import Store, WasiConfig, WasmtimeError
from wasmtime.component import Linker

from tests.components import compiled
from tests.conformance.recording_host import answers

TRAPPED = "trapped"


class Guest:
    """One component; `fresh` gives it a new instance, `call` calls an export of that."""

    def __init__(self, path, host="golem:api/host@0.2.0"):
        self._engine, self._component = compiled(path)
        self._host = host
        self.calls = []

    def fresh(self):
        self.calls = []
        self._store = Store(self._engine)
        self._store.set_wasi(WasiConfig())
        linker = Linker(self._engine)
        linker.add_wasip2()
        with linker.root() as root, root.add_instance(self._host) as host:
            for name, answer in answers().items():

                def answered(_store, *values, name=name, answer=answer):
                    self.calls.append(name)
                    return answer(*values)

                host.add_func(name, answered)
        self._instance = linker.instantiate(self._store, self._component)
        return self

    def call(self, export, *arguments):
        """The result, or TRAPPED; `export` is `interface#function`, or a function of the world."""
        interface, _, name = export.rpartition("#")
        at = self._instance.get_export_index(self._store, interface) if interface else None
        index = self._instance.get_export_index(self._store, name, at)
        function = self._instance.get_func(self._store, index)
        assert function is not None, export
        try:
            result = function(self._store, *arguments)
        except WasmtimeError:
            return TRAPPED
        function.post_return(self._store)
        return result
