"""Experiments on top of jaxnn, one story a file; `python -m experiments` is the quick tour."""
