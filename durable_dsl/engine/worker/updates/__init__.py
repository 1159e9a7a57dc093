"""Moving a worker to another build: how that is asked for, and how it is done."""
