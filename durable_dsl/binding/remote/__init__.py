"""Calls of other workers as both bindings have them."""
