"""The text of Python source: names, literals, expressions, lines that fit, and files that are ours to write."""
