"""Values of WIT types: what they are in Python, in JSON and as golem:rpc sends them, and what does not fit."""
