"""The worked examples of the learning notes, one file a part; `python -m experiments.notes` runs all."""
