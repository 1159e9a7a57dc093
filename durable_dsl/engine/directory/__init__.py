"""What a data directory holds besides oplogs: components, workers, leases, promises, and its upkeep."""
