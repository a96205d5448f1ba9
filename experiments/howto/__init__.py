"""How-tos: scripts that run in seconds, and the pages that `python -m experiments.docs` makes of them."""
