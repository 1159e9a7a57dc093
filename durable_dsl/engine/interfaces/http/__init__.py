"""wasi:http: requests, their bodies and responses, and how they are sent once."""
