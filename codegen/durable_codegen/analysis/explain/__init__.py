"""What happens in an export, and what a crash at each point of it does again."""
