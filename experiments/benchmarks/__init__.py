"""Benchmarks: jaxnn beside other tools, measured in turns on one machine. `python -m experiments.benchmarks`."""
