"""Files: checkpoints, and run directories that resume."""
