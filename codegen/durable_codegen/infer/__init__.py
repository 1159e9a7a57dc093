"""A world from type hints: which WIT types they are, how values cross, and what cannot be one."""
