"""The worked examples of the learning notes, one file a part: run one with `python -m`, or the package for all of them."""
