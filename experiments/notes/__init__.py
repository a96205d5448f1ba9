"""The worked examples of the learning notes, one file per part; `python -m experiments.notes` runs all."""
