"""The app as the guest will have it: its modules, its imports, what they need of others, and the guest's Python."""
