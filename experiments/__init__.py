"""Experiments with jaxnn, one per file; `python -m experiments` runs three of them as a tour."""
