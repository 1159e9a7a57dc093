"""The world that is built for: exports and imports by target, composed, compared with the committed one, as stubs."""
