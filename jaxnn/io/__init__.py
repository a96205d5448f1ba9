"""Checkpoints, and run directories from which `train` and `sweep` resume."""
