"""Python that is written: the wrapper, its regions and conversions, bindings and clients."""
