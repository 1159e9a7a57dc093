"""wasi:keyvalue and wasi:blobstore, kept in the data directory."""
