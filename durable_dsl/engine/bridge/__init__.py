"""The road between CPython and a guest: components compiled, imports implemented in Python, exports called from it."""
