"""What is likely wrong, a module per group of findings."""
