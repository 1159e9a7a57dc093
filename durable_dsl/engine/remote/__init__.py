"""Calls from one worker to another, at once or at a time, and circles of them."""
