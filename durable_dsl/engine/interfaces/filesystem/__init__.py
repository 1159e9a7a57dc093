"""wasi:filesystem: a directory of the worker's own, and directories that it was granted."""
