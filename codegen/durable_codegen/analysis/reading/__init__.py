"""The program as its source tells it: names, calls, regions, effects, and what is reached from where."""
