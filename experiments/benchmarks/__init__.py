"""Benchmarks: jaxnn beside other tools on one machine. `python -m experiments.benchmarks`; see README.md here."""
