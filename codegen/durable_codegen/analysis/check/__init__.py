"""All findings over one set of sources, less those that are known, in the forms that people and tools read."""
