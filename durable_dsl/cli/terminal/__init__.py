"""What verbs print with: messages and tables, progress, lists of workers, oplogs."""
