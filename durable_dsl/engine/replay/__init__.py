"""One instance of a worker: host calls performed and recorded, or answered from the oplog."""
