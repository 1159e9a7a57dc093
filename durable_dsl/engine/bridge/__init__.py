"""The road between CPython and a guest: components compiled, imports implemented in Python, exports called from it.

What to use: build one `ImportSet` per component, then any number of `Instance`s with it, on any threads.

    imports = ImportSet(component, lookup)
    with Instance(imports, host, max_memory=256 << 20) as instance:
        instance.call(component.resolve("orders#place"), [order])

Decisions: wasmtime-py's linker and conversions are not used. They rebuild the function's type at each call, cannot
tell cases of a variant with equal payload types apart, convert bytes one by one and keep an escaped exception in a
module global. Values cross in the Python form (see `wit.values`).
"""
