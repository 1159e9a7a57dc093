"""Promises as both bindings have them."""
