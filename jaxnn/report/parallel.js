// Parallel coordinates: a line for each trial across its hypers, to its score.
