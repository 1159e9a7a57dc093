"""The life of a worker: who runs in it when, what follows the end of an attempt, and what is done to it."""
