"""golem:api: what a worker may ask of its host, of promises, of other workers and of oplogs."""
