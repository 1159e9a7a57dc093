"""The crash driver: an invocation dies at every place, in simulation and in processes, and its end is compared."""
