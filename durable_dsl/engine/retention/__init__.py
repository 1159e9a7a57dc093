"""Giving back what nobody needs any more of a data directory: by age what was kept, and what was left behind."""
