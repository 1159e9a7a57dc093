"""Calls of exports: what is called, with which arguments, what waits for its turn, and what became of it."""
