"""The documentation: reference pages from the docstrings, and how-tos from tested scripts."""
