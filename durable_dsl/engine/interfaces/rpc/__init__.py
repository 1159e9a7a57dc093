"""golem:rpc: calls of other workers, now and later."""
