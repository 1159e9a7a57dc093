"""What a worker may reach: directories, servers, secrets and other workers, and what is hidden where it is shown."""
