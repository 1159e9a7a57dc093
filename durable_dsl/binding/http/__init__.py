"""HTTP as both bindings have it, and the seams at which libraries find it."""
