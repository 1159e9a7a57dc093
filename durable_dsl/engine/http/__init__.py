"""The host's HTTP client: one exchange, on a connection that can always be woken."""
