"""Children: one search of hyperparameters as a script for each tool, to be run as a whole process."""
